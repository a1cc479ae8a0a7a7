#!/usr/bin/env bash
# Runs every test. As root it first installs the programs that the tests run.
#
# A test that cannot run is left out, and named at the end. Where CI=true
# nothing is left out: such a test fails.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'test: %s\n' "$*" >&2; }

programs=(tshark editcap capinfos dumpcap tcpdump zstd pt-query-digest pt-fingerprint mariadbd mariadb-install-db mariadb mariadb-admin sysbench psql pgbench pg_isready redis-server redis-cli redis-benchmark nginx curl nghttp nghttpd h2load php-fpm8.2 memcached dbus-daemon dbus-send dbus-monitor busctl gdbus logger script systemd-cat systemd-notify journalctl socat python3 strace qemu-system-x86_64 pylsp setcap setpriv unshare systemd-analyze logrotate pgrep wireshark Xvfb xdotool import identify pngquant optipng)

# package says which package of Debian has a program. mariadb-server would do,
# but has a service too, and the tests start servers of their own.
package() {
	case $1 in
	editcap | capinfos | dumpcap) echo wireshark-common ;;
	mariadbd | mariadb-install-db) apt-cache pkgnames mariadb-server-core | sort | head -n 1 ;;
	mariadb | mariadb-admin) echo mariadb-client ;;
	redis-cli | redis-benchmark) echo redis-tools ;;
	nginx) echo nginx-light ;;
	nghttp | h2load) echo nghttp2-client ;;
	nghttpd) echo nghttp2-server ;;
	php-fpm8.2) echo php8.2-fpm ;;
	dbus-send | dbus-monitor) echo dbus-bin ;;
	gdbus) echo libglib2.0-bin ;;
	psql | pgbench | pg_isready) echo postgresql ;;
	pt-query-digest | pt-fingerprint) echo percona-toolkit ;;
	qemu-system-x86_64) echo qemu-system-x86 ;;
	pylsp) echo python3-pylsp python3-pyflakes ;; # which has something to say of documents
	setcap) echo libcap2-bin ;;
	setpriv | unshare) echo util-linux ;;
	pgrep) echo procps ;;
	Xvfb) echo xvfb ;;
	import | identify) echo imagemagick ;;
	logger | script) echo bsdutils ;;
	systemd-analyze | busctl | systemd-cat | systemd-notify | journalctl) echo systemd ;;
	*) echo "$1" ;;
	esac
}

missing=()
for p in "${programs[@]}"; do
	command -v "$p" >/dev/null || missing+=("$p")
done

install() {
	local packages
	say "installing what has ${missing[*]} (apt-get)"
	apt-get -qq update || say "apt-get update failed; going on with what is known"
	packages=$(for p in "${missing[@]}"; do package "$p"; done | sort -u)
	# shellcheck disable=SC2086 # words
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends --no-remove \
		-o Dpkg::Use-Pty=0 $packages </dev/null >/dev/null
}

if [ ${#missing[@]} -gt 0 ]; then
	if command -v apt-get >/dev/null; then
		if [ "$(id -u)" != 0 ]; then
			say "without ${missing[*]}, which root could install"
		elif ! install; then
			say "installing failed"
		fi
	elif command -v dnf >/dev/null; then
		say "without ${missing[*]}: dnf install wireshark-cli tcpdump zstd mariadb-server mariadb sysbench postgresql-server postgresql-contrib redis nginx curl nghttp2 memcached socat python3 strace libcap util-linux systemd logrotate qemu-system-x86-core"
	elif command -v apk >/dev/null; then
		say "without ${missing[*]}: apk add tshark wireshark-common tcpdump zstd mariadb mariadb-client postgresql postgresql-contrib postgresql-client redis nginx curl nghttp2 memcached socat python3 strace libcap-setcap setpriv unshare logrotate qemu-system-x86_64"
	else
		say "without ${missing[*]}"
	fi
fi
if [ "$(id -u)" != 0 ]; then
	# shellcheck disable=SC2016 # for the user to run as it is
	say 'without what needs root, as recording does: sudo env "PATH=$PATH" make test runs it'
fi

# A newer Wireshark than this system's, unpacked beside it.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -z "${WIRESHARKS-}" ]; then
	if WIRESHARKS=$(scripts/wireshark/fetch.sh trixie); then
		export WIRESHARKS
	else
		say "without Wireshark of trixie"
	fi
fi

format=standard-quiet
[ "${CI-}" != true ] || format=standard-verbose
# gotestsum names what was left out, and why, at the end. The kernel is no
# input that go's cache of results knows of.
exec go run gotest.tools/gotestsum@v1.13.0 --format "$format" -- -count=1 -timeout 40m ./...
