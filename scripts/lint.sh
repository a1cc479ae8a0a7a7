#!/usr/bin/env bash
# Checks the form of everything, and goes on after the first complaint.
set -u
cd "$(dirname "$0")/.." || exit 1

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
status=0

# check runs a command that must succeed.
check() {
	printf '%s\n' "$*"
	"$@" || status=1
}
# quiet runs one that must succeed and print nothing on standard output.
quiet() {
	local out
	printf '%s\n' "$*"
	out=$("$@") && [ -z "$out" ] && return
	printf '%s\n' "$out"
	status=1
}

quiet gofmt -l .
for module in . demo peers; do
	check go -C "$module" vet ./...
	check go -C "$module" run "$staticcheck" ./...
	quiet go -C "$module" mod tidy -diff
done
if command -v shellcheck >/dev/null; then
	mapfile -t scripts < <(grep -rlE '^#!.*[/ ](ba)?sh$' --exclude-dir=.git --exclude-dir=bin .)
	check shellcheck -x "${scripts[@]}"
else
	echo 'shellcheck is not installed: scripts are not checked' >&2
	[ "${CI-}" != true ] || status=1
fi
exit $status
