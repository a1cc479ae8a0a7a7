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

# runs TREE: is for unpack.
runs() {
	ldconfig -r "$1"
	chroot "$1" /usr/bin/tshark --version >/dev/null 2>&1
}

suite "$1" "$(dpkg --print-architecture)"
unpack "$dir" runs tshark
echo "$dir"
