#!/usr/bin/env bash
# screenshots.sh RECORD CAPTURE FOLDER SOCKET COMMAND...: starts Wireshark on a screen of
# its own, with the plugin and the profile, and puts pictures of it into FOLDER: of
# the capture, and of a live one with RECORD of SOCKET while COMMAND is run.
#
# Nothing is taken for shown before it is: a picture is waited for until it is no
# longer blank where it must not be.
set -eu
record=$1 capture=$2 folder=$3 socket=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pids=()
# shellcheck disable=SC2317 # called by trap
end() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
	wait
	rm -rf "$work"
}
trap end EXIT

die() {
	echo "screenshots.sh: $*" >&2
	exit 1
}

export HOME=$work LC_ALL=C.UTF-8 TZ=UTC QT_QPA_PLATFORM=xcb XDG_RUNTIME_DIR=$work
unset WAYLAND_DISPLAY
"$here/install.sh" --personal "$record" >/dev/null
Xvfb -displayfd 3 -screen 0 1200x720x24 -nolisten tcp 3>"$work/display" 2>/dev/null &
pids+=($!)
for _ in $(seq 300); do
	[ ! -s "$work/display" ] || break
	sleep 0.1
done
DISPLAY=:$(cat "$work/display")
export DISPLAY

# until WHAT COMMAND...: waits until a command succeeds.
until_() {
	local what=$1
	shift
	for _ in $(seq 600); do
		"$@" && return
		sleep 0.1
	done
	import -window root "$folder/failed.png" || true
	die "never: $what"
}

# window NAME: the visible window with a title like that, in $window.
window() {
	window=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | head -n 1)
	[ -n "$window" ]
}

# drawn GEOMETRY: there is something in that part of the screen.
drawn() { [ "$(import -window root -crop "$1" +repage -format %k info:)" -gt 8 ]; }

# start TITLE ARGUMENT...: starts Wireshark.
start() {
	local title=$1
	shift
	wireshark -o gui.update.enabled:FALSE -C unixcap "$@" >"$work/log" 2>&1 &
	pids+=($!)
	program=$!
	until_ "a window $title" window "$title"
	xdotool windowsize "$window" 1200 720 windowmove "$window" 0 0
}

list=1100x240+20+120 details=560x280+10+405

# picture NAME: once the screen does not change any more.
picture() {
	local last='' now
	for _ in $(seq 100); do
		import -window root -strip "$work/$1.png"
		now=$(identify -format '%#' "$work/$1.png")
		[ "$now" != "$last" ] || break
		last=$now
		sleep 0.5
	done
	pngquant --force --output "$folder/$1.png" 32 "$work/$1.png"
	optipng -quiet "$folder/$1.png"
}

start "$(basename "$capture")" -r "$capture" -g 7
until_ 'packets in the list' drawn $list
until_ 'a packet in detail' drawn $details
picture list
# The comment, the statement, and the first of the fields.
xdotool mousemove 300 560 click 1 key Home key Right key End key Up key shift+Right key End key Right key Down key Down key Down key Down
picture fields
xdotool key alt+s
until_ 'the menu of statistics' drawn 300x500+400+10
xdotool key c
until_ 'conversations' window Conversations
xdotool windowsize "$window" 1200 420 windowmove "$window" 0 0 windowfocus "$window"
until_ 'the dialogue in its place' drawn 150x40+30+30
xdotool mousemove 39 63 click 1 mousemove 470 26 click 1 # names, TCP
until_ 'conversations by name' drawn 700x100+240+60
picture conversations
xdotool key Escape
xdotool mousemove 300 200 click 1 key ctrl+alt+shift+t
until_ 'a stream' window 'Follow TCP Stream'
until_ 'the text of a stream' drawn 700x120+260+20
picture follow
kill "$program"
wait "$program" || true

start 'Capturing from' -k -i unixcap -f "$socket"
shown() {
	"$@" >/dev/null 2>&1
	drawn $list
}
until_ 'a packet of a live capture' shown "$@"
picture live
