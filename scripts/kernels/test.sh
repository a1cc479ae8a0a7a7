#!/bin/sh
# test.sh [SUITE…]: runs the conformance checks on this machine's kernel and, in
# virtual machines, on those of kernels.conf. Exit status 0: each kernel took and
# refused the backends it should, and every path came to what known.go has. With
# TABLE=FILE the results replace the tables in FILE.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=

for tool in go cpio dpkg apt-get; do
	command -v $tool >/dev/null || {
		echo "test.sh: $tool is missing (Debian: golang, cpio)" >&2
		exit 1
	}
done

# result WHERE: keeps what the program printed, for the tables, in its order.
mkdir "$work/results"
number=100
result() {
	number=$((number + 1))
	cp "$work/console" "$work/results/$number $1"
}

# build ARCH: the program, and the one that it has send by 32-bit system calls.
build() {
	case $1 in
	amd64) arch32=386 ;;
	arm64) arch32=arm ;;
	esac
	mkdir -p "$work/bin-$1"
	(
		cd "$here/../.."
		export CGO_ENABLED=0 GOOS=linux
		GOARCH=$1 go build -o "$work/bin-$1/program" ./internal/conformance/vm
		GOARCH=$1 go build -o "$work/bin-$1/record" ./cmd/record
		GOARCH=$arch32 go build -o "$work/bin-$1/sender32" ./internal/conformance/sender
	)
}

QEMU=$("$here/qemu.sh")
export QEMU

sed -e 's/#.*//' -e '/^ *$/d' "$here/kernels.conf" >"$work/kernels"
while read -r suite arch cpu append backends; do
	case " $* " in
	"  " | *" $suite "*) ;;
	*) continue ;;
	esac
	dir=$("$here/fetch.sh" "$suite" "$arch" </dev/null)
	build "$arch"
	echo "== $suite $arch: $(cat "$dir/version")"
	begun=$(date +%s)
	# In a machine without hardware acceleration a processor may stand still for
	# milliseconds, which the tracepoint backend's races do not bear (Known limits
	# in docs/kernels.md), and memory that the kernel moves may not be there when it
	# is read: then a message lacks its payload, and says so. If nothing else fails,
	# the kernel gets one more try, as it does if the machine came to no verdict.
	for try in 1 2; do
		status=0
		# shellcheck disable=SC2086 # one argument a backend
		APPEND=$(echo "$append" | tr ',' ' ' | sed 's/^-$//') \
			"$here/boot.sh" "$dir" "$arch" "$cpu" "$work/bin-$arch" /bin/sender32 record=/bin/record $backends >"$work/console" || status=$?
		[ "$status" -ne 0 ] || break
		grep -aE 'FAIL|^backend|panic|BUG:|blocked for' "$work/console" || true
		! grep -a 'FAIL' "$work/console" | grep -avqE '	tracepoint	|FAIL: it is flagged' || break
		echo "== $suite $arch: try $try ended with status $status after $(($(date +%s) - begun)) s (expected: $backends)"
	done
	if [ "$status" -ne 0 ]; then
		cat "$work/console"
		echo "== $suite $arch: FAILED after $(($(date +%s) - begun)) s"
		failed=1
	else
		grep -aE '^(preempt|backend|verdict)' "$work/console"
		echo "== $suite $arch: $(($(date +%s) - begun)) s"
	fi
	result "Debian $suite, virtual machine"
done <"$work/kernels"

if [ $# -eq 0 ]; then
	arch=$(go env GOARCH)
	build "$arch"
	echo "== this machine: $(uname -r)"
	"$work/bin-$arch/program" "$work/bin-$arch/sender32" >"$work/console" || failed=1
	grep -aE '^(preempt|backend|verdict)|FAIL' "$work/console" || true
	result "host"
fi

if [ -n "${TABLE:-}" ]; then
	(
		table=$(realpath "$TABLE")
		cd "$here/../.."
		go run ./internal/conformance/table "$table" "$work/results"/*
	)
fi
[ -z "$failed" ]
