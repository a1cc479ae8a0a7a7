#!/bin/sh
# test.sh [SUITE…]: runs the conformance checks on this machine's kernel and, in
# virtual machines, on those of kernels.conf. Exit status 0: each kernel took and
# refused the backends it should, and every check passed. With TABLE=FILE the
# results replace the table in FILE.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=

for tool in go qemu-system-x86_64 cpio dpkg apt-get; do
	command -v $tool >/dev/null || {
		echo "test.sh: $tool is missing (Debian: golang, qemu-system-x86, cpio)" >&2
		exit 1
	}
done

# result WHERE: puts the program's results into the table.
result() {
	awk -F '\t' -v where="$1" '$1 == "backend" {
		gsub(/\|/, "\\|", $4)
		printf "| %s | %s | %s | %s |\n", $2, where, $3, $4
	}' "$work/console" >>"$work/table"
}

build() {
	(cd "$here/../.." && CGO_ENABLED=0 GOOS=linux GOARCH="$1" go build -o "$work/check-$1" ./internal/conformance/vm)
}

sed -e 's/#.*//' -e '/^ *$/d' "$here/kernels.conf" >"$work/kernels"
while read -r suite arch cpu backends; do
	case " $* " in
	"  " | *" $suite "*) ;;
	*) continue ;;
	esac
	dir=$("$here/fetch.sh" "$suite" "$arch" </dev/null)
	build "$arch"
	echo "== $suite $arch: $(cat "$dir/version")"
	status=0
	# shellcheck disable=SC2086 # one argument a backend
	"$here/boot.sh" "$dir" "$arch" "$cpu" "$work/check-$arch" $backends >"$work/console" || status=$?
	if [ $status -ne 0 ]; then
		cat "$work/console"
		echo "== $suite $arch: FAILED with status $status (expected: $backends)"
		failed=1
	else
		grep -aE '^(backend|verdict)' "$work/console"
	fi
	result "Debian $suite, $arch, virtual machine"
done <"$work/kernels"

if [ $# -eq 0 ]; then
	build "$(go env GOARCH)"
	echo "== this machine: $(uname -r)"
	"$work/check-$(go env GOARCH)" >"$work/console" || failed=1
	grep -E '^(backend|verdict)|FAIL' "$work/console"
	result "host"
fi

if [ -n "${TABLE:-}" ]; then
	awk -v table="$work/table" '
		/^<!-- results/ {
			print
			print "| kernel | where | backend | result |"
			print "| --- | --- | --- | --- |"
			while ((getline line < table) > 0) print line
			skip = 1
		}
		/^<!-- end/ { skip = 0 }
		!skip' "$TABLE" >"$work/doc"
	cp "$work/doc" "$TABLE"
fi
[ -z "$failed" ]
