#!/bin/sh
# qemu.sh: fetches an emulator whose guests may change their own code while they
# run it, and prints the folder with qemu-system-x86_64 and qemu-system-aarch64.
# What was fetched once is used again; with UPDATE=1 it is not.
#
# Debian 12's QEMU, 7.2, is none: a processor that translates a function while another
# one changes it may run for ever what stood there. A kernel changes the functions that
# programs are attached to; then threads trap in unix_stream_sendmsg on a breakpoint
# that is gone, and nothing can be attached any more. Since 8.1 a page is locked while
# it is translated (accel/tcg/translate-all.c).
set -eu
# shellcheck source=scripts/debian.sh
. "$(dirname "$0")/../debian.sh"

dir=${XDG_CACHE_HOME:-$HOME/.cache}/unixcap/qemu
programs='qemu-system-x86_64 qemu-system-aarch64'

if [ -d "$dir/unixcap" ] && [ "${UPDATE:-}" != 1 ]; then
	echo "$dir/unixcap"
	exit
fi

# runs TREE: is for unpack. The programs need newer libraries than this machine's,
# so each is started with its own, which it looks for beside itself.
runs() {
	mkdir "$1/unixcap"
	for program in $programs; do
		cat >"$1/unixcap/$program" <<'EOF'
#!/bin/sh
tree=$(dirname "$0")/..
loader=$(echo "$tree"/usr/lib/*-linux-gnu/ld-linux-*.so.*)
exec "$loader" --library-path "$(dirname "$loader")" "$tree/usr/bin/$(basename "$0")" \
	-L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" "$@"
EOF
		chmod 755 "$1/unixcap/$program"
		"$1/unixcap/$program" --version >&2 || return
	done
}

suite trixie "$(dpkg --print-architecture)"
unpack "$dir" runs qemu-system-x86 qemu-system-arm
echo "$dir/unixcap"
