#!/bin/sh
# fetch.sh SUITE ARCH: fetches Debian's cloud kernel of a suite, and a static
# busybox to start it with, and prints the directory with `vmlinuz`, `busybox`
# and `version`. What was fetched once is used again; with UPDATE=1 it is not.
set -eu
# shellcheck source=scripts/debian.sh
. "$(dirname "$0")/../debian.sh"

arch=$2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/unixcap/kernels
dir=$cache/$1-$arch

if [ -e "$dir/version" ] && [ "${UPDATE:-}" != 1 ]; then
	echo "$dir"
	exit
fi

suite "$1" "$arch"

# dependency PACKAGE PREFIX: the first package PACKAGE needs whose name begins so.
dependency() {
	apt-cache depends --no-recommends --no-suggests "$1" |
		sed -n "s/^ *|*Depends: \($2.*-cloud-$arch\)\$/\1/p" | head -n 1
}

image=$(dependency "linux-image-cloud-$arch" linux-image-)
[ -n "$image" ] || die "$1 has no linux-image-cloud-$arch"
# Newer packages leave the kernel to another one.
binary=$(dependency "$image" linux-binary-)
mkdir "$work/debs"
cd "$work/debs"
apt-get -qq download "${binary:-$image}" busybox-static >&2
for deb in *.deb; do
	dpkg -x "$deb" "$work/tree"
done
kernel=$(find "$work/tree" -type f -name 'vmlinuz*' | head -n 1)
busybox=$(find "$work/tree" -type f -path '*bin/busybox' | head -n 1)
[ -n "$kernel" ] || die "no kernel in ${binary:-$image}"
[ -n "$busybox" ] || die "no busybox in busybox-static"

mkdir -p "$dir"
rm -f "$dir/version"
cp "$kernel" "$dir/vmlinuz"
install -m 755 "$busybox" "$dir/busybox"
echo "${image#linux-image-}" >"$dir/version"
echo "$dir"
