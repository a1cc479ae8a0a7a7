#!/usr/bin/env bash
# Makes cmd/analyze/default.pgo: of what analyze does with the capture CAPTURE, and
# of what each decoder does with the conversations of its benchmarks.
set -eu
cd "$(dirname "$0")/.."
: "${CAPTURE:?is to name a capture}"
capture=$(realpath "$CAPTURE")

profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT
measure() { # PACKAGE FLAG...
	go test "$1" -o "$profiles/test" -trimpath -pgo=off -run '^$' -cpu 1 -cpuprofile "$profiles/$(basename "$1").prof" "${@:2}"
}
measure ./cmd/analyze -bench Commands -benchtime 12x -capture "$capture"
for package in ./decoders/*/; do
	if go test "$package" -list '^Benchmark' | grep -q '^Benchmark'; then
		measure "$package" -bench . -benchtime 500ms
	fi
done
go tool pprof -proto "$profiles"/*.prof >cmd/analyze/default.pgo
