#!/usr/bin/env bash
# Runs each fuzz target for FUZZTIME (10s). What is found is under the
# package's testdata/fuzz, to be committed with the fix.
#
# Each input that does something new is made smaller. By default go test spends up
# to a minute on one: with seeds of 30 kB it did nothing else in the whole time.
set -u
cd "$(dirname "$0")/.." || exit 1

status=0
for package in $(go list ./...); do
	while read -r target; do
		printf '%s %s\n' "$package" "$target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 100x "$package" || status=1
	done < <(go test -list '^Fuzz' "$package" | grep '^Fuzz')
done
exit $status
