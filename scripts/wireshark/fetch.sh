#!/bin/sh
# fetch.sh SUITE: unpacks tshark of a suite of Debian, and all it needs, into a
# folder to chroot into, and prints that. What was fetched once is used again; with
# UPDATE=1 it is not.
set -eu
# shellcheck source=scripts/debian.sh
. "$(dirname "$0")/../debian.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/unixcap/wireshark
dir=$cache/$1

if [ -x "$dir/usr/bin/tshark" ] && [ "${UPDATE:-}" != 1 ]; then
	echo "$dir"
	exit
fi

suite "$1" "$(dpkg --print-architecture)"
apt-get -qq install -y --download-only --no-install-recommends tshark >&2
for deb in "$work"/archives/*.deb; do
	dpkg -x "$deb" "$work/tree"
done
# No package's scripts run, so what those do that is needed is done here.
for link in bin sbin lib lib64; do
	[ ! -d "$work/tree/usr/$link" ] || [ -e "$work/tree/$link" ] || ln -s "usr/$link" "$work/tree/$link"
done
mkdir -p "$work/tree/tmp"
ldconfig -r "$work/tree"
chroot "$work/tree" /usr/bin/tshark --version >/dev/null 2>&1 || die "tshark of $1 does not run"

chmod 755 "$work/tree"
chmod 1777 "$work/tree/tmp"
mkdir -p "$cache"
rm -rf "$dir" "$dir.new"
cp -a "$work/tree" "$dir.new"
mv "$dir.new" "$dir" # whole or not there
echo "$dir"
