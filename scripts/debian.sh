# debian.sh is for scripts that fetch packages of another suite of Debian than
# this machine's; they source it.
#
# The mirror is the one that this machine gets its own packages from. Where that
# is not Debian's, DEBIAN_MIRROR says which; the packages' signatures are checked
# with the keys of debian-archive-keyring.
# shellcheck shell=sh

die() {
	echo "fetch.sh: $*" >&2
	exit 1
}

# suite SUITE ARCH: has apt know the packages of a suite and nothing else, in the new
# folder $work, which is gone at the end.
suite() {
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	# shellcheck disable=SC2016 # the variable is apt's
	mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Label: Debian' | head -n 1)}
	[ -n "$mirror" ] || die "no Debian mirror in apt's sources (set DEBIAN_MIRROR)"
	[ -e "$keyring" ] || die "no $keyring (install debian-archive-keyring)"

	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work/lists/partial" "$work/archives/partial"
	echo "deb [signed-by=$keyring arch=$2] $mirror $1 main" >"$work/sources.list"
	cat >"$work/apt.conf" <<EOF
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Sandbox::User "";
APT::Get::List-Cleanup "0";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::status "/dev/null";
Dir::State::Lists "$work/lists";
Dir::Cache "$work";
Debug::NoLocking "1";
EOF
	export APT_CONFIG="$work/apt.conf"
	apt-get -qq update >&2
}

# unpack DIR WORKS PACKAGE…: puts packages of the suite, and all they need, into the
# folder DIR, which is whole or not there. No package's scripts run, so what those do
# that is needed is done here. WORKS is a function that is called with the folder
# before it is in its place: whether what is in it works.
unpack() {
	unpacked=$1 works=$2
	shift 2
	apt-get -qq install -y --download-only --no-install-recommends "$@" >&2
	for deb in "$work"/archives/*.deb; do
		dpkg -x "$deb" "$work/tree"
	done
	for link in bin sbin lib lib64; do
		[ ! -d "$work/tree/usr/$link" ] || [ -e "$work/tree/$link" ] || ln -s "usr/$link" "$work/tree/$link"
	done
	mkdir -p "$work/tree/tmp"
	chmod 755 "$work/tree"
	chmod 1777 "$work/tree/tmp"
	"$works" "$work/tree" || die "what $* has does not run"
	mkdir -p "$(dirname "$unpacked")"
	rm -rf "$unpacked" "$unpacked.new"
	cp -a "$work/tree" "$unpacked.new"
	mv "$unpacked.new" "$unpacked"
}
