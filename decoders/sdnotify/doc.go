// Package sdnotify decodes what services tell the program that started them
// ($NOTIFY_SOCKET): the datagrams of sd_notify(3), lines of NAME=VALUE with the
// states and descriptors that are described there.
//
// Nobody answers: a datagram is an exchange by itself. The most important of
// its states is the operation.
package sdnotify

import "unixcap/decoders"

// Protocol is sd_notify's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "sdnotify",
	Title: "sd_notify",
	About: "What services tell systemd of themselves: ready, status, watchdog, main process, descriptors stored.",
	Paths: []string{"/run/systemd/notify", "@/org/freedesktop/systemd1/notify*", "/run/user/*/systemd/notify", "*/notify.sock", "*/notify"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: appendFingerprint,
}
