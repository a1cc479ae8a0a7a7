#!/bin/sh
# fetch.sh SUITE: unpacks tshark of a suite of Debian, and all it needs, into a
# folder to chroot into, and prints that. What was fetched once is used again; with
# UPDATE=1 it is not.
#
# Of the mirror and of what is checked, scripts/kernels/fetch.sh tells.
set -eu

suite=$1
arch=$(dpkg --print-architecture)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${XDG_CACHE_HOME:-$HOME/.cache}/unixcap/wireshark
dir=$cache/$suite

die() {
	echo "fetch.sh: $*" >&2
	exit 1
}

if [ -x "$dir/usr/bin/tshark" ] && [ "${UPDATE:-}" != 1 ]; then
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
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/tree"
echo "deb [signed-by=$keyring arch=$arch] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<EOS
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::status "/dev/null";
Dir::State::Lists "$work/lists";
Dir::Cache "$work";
Debug::NoLocking "1";
EOS
export APT_CONFIG="$work/apt.conf"

apt-get -qq update >&2
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
chroot "$work/tree" /usr/bin/tshark --version >/dev/null 2>&1 || die "tshark of $suite does not run"

mkdir -p "$cache"
rm -rf "$dir"
cp -a "$work/tree" "$dir"
chmod 755 "$dir"
chmod 1777 "$dir/tmp"
echo "$dir"
