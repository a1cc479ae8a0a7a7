#!/bin/sh
# install.sh RECORD: puts RECORD, the plugin and the profile where Wireshark finds
# them, for everybody, below DESTDIR. With --personal before it, for the user who
# runs this, who is also told what only root can do.
#
# Wireshark itself says where, or WIRESHARK_EXTCAP, WIRESHARK_PLUGINS and
# WIRESHARK_DATA do, for a package that is built where there is none.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)

personal=
if [ "$1" = --personal ]; then
	personal=yes
	shift
fi
record=$1

# folder NAME: what Wireshark calls so.
folder() {
	tshark -G folders 2>/dev/null | sed -n "s/^$1:[[:space:]]*//p" | head -n 1
}

# place EXTCAP PLUGINS DATA
place() {
	install -d "$1" "$2" "$3/profiles/unixcap"
	ln -sfn "$record" "$1/unixcap"
	install -m 644 "$here/wireshark/unixcap.lua" "$2"
	install -m 644 "$here"/wireshark/profiles/unixcap/* "$3/profiles/unixcap"
}

if [ -n "$personal" ]; then
	config=$(folder 'Personal configuration')
	config=${config:-$HOME/.config/wireshark}
	plugins=$(folder 'Personal Lua Plugins')
	# Wireshark 4.0 has no other folder for this than that of the configuration.
	extcap=$(folder 'Personal Extcap path')
	place "${extcap:-$config/extcap}" "${plugins:-$HOME/.local/lib/wireshark/plugins}" "$config"
	cat <<EOS
Wireshark has the interface "UNIX sockets", the fields unix.* and the profile
unixcap now (Edit, Configuration Profiles). To record, it needs root's leave:

  sudo setcap cap_bpf,cap_perfmon,cap_syslog+ep $record

Then everybody who can run that file can read what all programs say. To leave it
to a group, as docs/record.md says:

  sudo groupadd --system unixcap
  sudo chown root:unixcap $record
  sudo chmod 750 $record
  sudo setcap cap_bpf,cap_perfmon,cap_syslog+ep $record
  sudo usermod --append --groups unixcap $(id -un)
EOS
	exit
fi

extcap=${WIRESHARK_EXTCAP:-$(folder 'Extcap path')}
extcap=${extcap:-$(folder 'Global Extcap path')} # as newer versions call it
plugins=${WIRESHARK_PLUGINS:-$(folder 'Global Lua Plugins')}
data=${WIRESHARK_DATA:-$(folder 'Global configuration')}
if [ -z "$extcap" ] || [ -z "$plugins" ] || [ -z "$data" ]; then
	echo "Without what is for Wireshark: there is no tshark to say where (install it, or set WIRESHARK_EXTCAP, WIRESHARK_PLUGINS and WIRESHARK_DATA)"
	exit
fi
# writable FOLDER: it can be made, or put into.
writable() {
	dir=$1
	while [ ! -e "$dir" ]; do
		dir=$(dirname "$dir")
	done
	[ -w "$dir" ]
}

extcap=${DESTDIR:-}$extcap plugins=${DESTDIR:-}$plugins data=${DESTDIR:-}$data
if ! writable "$extcap" || ! writable "$plugins" || ! writable "$data"; then
	cat <<EOS
Without what is for Wireshark, in whose folders only root can write. For everybody:

  sudo make install

For yourself:

  make install-wireshark
EOS
	exit
fi
place "$extcap" "$plugins" "$data"
