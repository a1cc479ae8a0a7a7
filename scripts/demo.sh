#!/usr/bin/env bash
# Starts a MySQL server of its own, records what a small client says to it over
# a UNIX socket, and prints analyze's report.
#
# The server is the MariaDB or MySQL that is installed. If there is none, or
# with SERVER=memory, it is demo/server, which needs only Go.
set -eu
cd "$(dirname "$0")/.."

capture=demo.pcapng

say() { printf '%s\n' "$*" >&2; }

if [ "$(id -u)" != 0 ]; then
	# shellcheck disable=SC2016 # for the user to run as it is
	say 'demo: recording needs root: sudo env "PATH=$PATH" make demo'
	exit 1
fi

# record becomes who ran sudo, who can write nothing into somebody else's folder.
[ "$(stat -c %u .)" = "${SUDO_UID-}" ] || unset SUDO_UID SUDO_GID

scripts/build.sh
(cd demo && CGO_ENABLED=0 go build -o ../bin/demo/ ./shop)

dir=$(mktemp -d "${TMPDIR:-/tmp}/shop.XXXXXX")
socket=$dir/mysqld.sock
server=

stop() {
	[ -n "$server" ] || return 0
	kill "$server" 2>/dev/null || true
	for _ in {1..50}; do
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	server=
}
trap 'stop; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# listening waits for the server. 10000 are the flags of a listening socket.
listening() {
	for _ in {1..300}; do
		if grep -q " 00010000 .* $socket\$" /proc/net/unix; then
			return 0
		fi
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# start_installed starts the server that is installed.
start_installed() {
	local program=$1 own=()
	local options=(--no-defaults --user=root --datadir="$dir/data")
	if "$program" --version 2>/dev/null | grep -q MariaDB; then
		own=(--debug-no-sync) # a slow disk is not what the demo is about
		mariadb-install-db "${options[@]}" --auth-root-authentication-method=normal --skip-test-db
	else
		"$program" "${options[@]}" --initialize-insecure
		own=(--mysqlx=OFF)
	fi >"$dir/log" 2>&1 || return 1
	"$program" "${options[@]}" "${own[@]}" --socket="$socket" --pid-file="$dir/pid" --skip-networking >>"$dir/log" 2>&1 &
	server=$!
	listening
}

start_memory() {
	(cd demo && CGO_ENABLED=0 go build -o ../bin/demo/ ./server)
	bin/demo/server "$socket" >"$dir/log" 2>&1 &
	server=$!
	listening
}

installed=$(command -v mariadbd || command -v mysqld || true)
if [ "${SERVER-}" != memory ] && [ -n "$installed" ]; then
	if ! start_installed "$installed"; then
		say "demo: $installed does not start; taking a server in memory instead"
		stop
		installed=
	fi
else
	installed=
fi
if [ -z "$installed" ]; then
	[ -x bin/demo/server ] || say 'demo: building a MySQL server in Go, which takes some minutes the first time'
	if ! start_memory; then
		say "demo: the server does not start:"
		cat "$dir/log" >&2
		exit 1
	fi
fi

# run shows a command as one would type it, and runs it.
run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

rm -f "$capture"
run bin/record -w "$capture" -- bin/demo/shop "$socket"
run bin/analyze "$capture"

if [ -n "${SUDO_UID-}" ]; then
	chown -R "$SUDO_UID:${SUDO_GID:-0}" bin "$capture"
fi
cat <<END

All of it is in $capture. Open that in Wireshark, or go on with

  bin/analyze log $capture
  bin/analyze flows $capture
END
