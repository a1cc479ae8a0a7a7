#!/usr/bin/env bash
# unit-score.sh [DOCUMENT]: how exposed unixcap-record.service leaves the machine
# in the eyes of `systemd-analyze security`, from 0 to 10. With DOCUMENT the
# result replaces the one there.
set -eu
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unit=$dir/unixcap-record.service
sed 's,@prefix@,/usr/local,; s,@sysconfdir@,/etc,' packaging/systemd/unixcap-record.service >"$unit"

score=$(SYSTEMD_COLORS=0 systemd-analyze security --offline=true --no-pager "$unit" |
	sed -n 's/.*Overall exposure level for [^ ]*: \([0-9.]*\) .*/\1/p')
[ -n "$score" ] || {
	echo "unit-score: systemd-analyze gives no score" >&2
	exit 1
}
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')

if [ $# -eq 0 ]; then
	echo "$score"
	exit
fi
awk -v result="$score of 10 (systemd $version)" '
	/^<!-- score/ { print; print result; skip = 1 }
	/^<!-- end/ { skip = 0 }
	!skip' "$1" >"$dir/document"
cat "$dir/document" >"$1"
