#!/bin/sh
# fetch.sh SUITE ARCH: fetches Debian's cloud kernel of a suite, and a static
# busybox to start it with, and prints the directory with `vmlinuz`, `busybox`
# and `version`. What was fetched once is used again; with UPDATE=1 it is not.
#
# The mirror is the one that this machine gets its own packages from. Where that
# is not Debian's, DEBIAN_MIRROR says which; the packages' signatures are checked
# with the keys of debian-archive-keyring.
set -eu

suite=$1 arch=$2
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${XDG_CACHE_HOME:-$HOME/.cache}/unixcap/kernels
dir=$cache/$suite-$arch

die() {
	echo "fetch.sh: $*" >&2
	exit 1
}

if [ -e "$dir/version" ] && [ "${UPDATE:-}" != 1 ]; then
	echo "$dir"
	exit
fi

# shellcheck disable=SC2016 # the variable is apt's
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
	'Created-By: Packages' 'Label: Debian' | head -n 1)}
[ -n "$mirror" ] || die "no Debian mirror in apt's sources (set DEBIAN_MIRROR)"
[ -e "$keyring" ] || die "no $keyring (install debian-archive-keyring)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/debs"
echo "deb [signed-by=$keyring arch=$arch] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<EOF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
APT::Get::List-Cleanup "0";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::status "/dev/null";
Dir::State::Lists "$work/lists";
Dir::Cache "$work";
EOF
export APT_CONFIG="$work/apt.conf"

# dependency PACKAGE PREFIX: the first package PACKAGE needs whose name begins so.
dependency() {
	apt-cache depends --no-recommends --no-suggests "$1" |
		sed -n "s/^ *|*Depends: \($2.*-cloud-$arch\)\$/\1/p" | head -n 1
}

apt-get -qq update >&2
image=$(dependency "linux-image-cloud-$arch" linux-image-)
[ -n "$image" ] || die "$suite has no linux-image-cloud-$arch"
# Newer packages leave the kernel to another one.
binary=$(dependency "$image" linux-binary-)
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
