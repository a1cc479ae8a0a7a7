#!/usr/bin/env bash
# Builds record and analyze into bin/, which needs nothing but Go.
set -eu
cd "$(dirname "$0")/.."

# Older ones do not fetch the Go that go.mod asks for, and say so obscurely.
case $(go env GOVERSION 2>/dev/null || true) in
'' | go1 | go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.20*)
	echo "build: needs Go 1.21 or newer in PATH (see https://go.dev/dl)" >&2
	exit 1
	;;
esac
CGO_ENABLED=0 go build -o bin/ ./cmd/...
