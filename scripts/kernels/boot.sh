#!/bin/sh
# boot.sh DIR ARCH CPU BIN [ARGUMENT…]: boots the kernel that fetch.sh put into
# DIR in a virtual machine without hardware acceleration, copies the folder BIN
# into it, runs the static BIN/program there as root and prints the console. The
# exit status is the program's; 124 if it did not end in TIMEOUT seconds.
# APPEND is added to the kernel's command line. QEMU is the folder that qemu.sh
# prints.
set -eu

dir=$1 arch=$2 cpu=$3 bin=$4
shift 4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/sys" "$work/root/dev" "$work/root/tmp"
cp "$dir/busybox" "$work/root/bin/busybox"
cp -r "$bin/." "$work/root/bin"
# Memory that the kernel puts together into larger pages is not there for a moment,
# which is long without hardware acceleration: what is sent from it then lacks its
# payload.
cat >"$work/root/init" <<EOF
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t debugfs debugfs /sys/kernel/debug
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
echo never >/sys/kernel/mm/transparent_hugepage/enabled
echo "init: begin"
/bin/program $*
echo "init: exit \$?"
/bin/busybox poweroff -f
EOF
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"

# A task that hangs ends the machine, and says where it did.
APPEND="panic=-1 hung_task_panic=1 quiet ${APPEND:-}"
case $arch in
amd64) set -- "$QEMU/qemu-system-x86_64" -append "console=ttyS0 $APPEND" ;;
arm64) set -- "$QEMU/qemu-system-aarch64" -M virt -append "console=ttyAMA0 $APPEND" ;;
esac

# QEMU's emulation now and then fails a kernel that is still starting; that is
# no result. Whatever happens once init has begun is one.
for _ in 1 2 3; do
	status=0
	timeout "${TIMEOUT:-900}" "$@" -accel tcg -cpu "$cpu" -smp 2 -m 2048 -nographic -no-reboot \
		-kernel "$dir/vmlinuz" -initrd "$work/initrd" </dev/null >"$work/console" 2>&1 || status=$?
	grep -aq 'init: begin' "$work/console" && break
done
tr -d '\r' <"$work/console"
[ "$status" -eq 0 ] || exit "$status"
status=$(tr -d '\r' <"$work/console" | sed -n 's/^init: exit //p')
exit "${status:-1}"
