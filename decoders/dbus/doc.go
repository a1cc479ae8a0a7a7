// Package dbus decodes what programs say over D-Bus, to a bus or to each other:
// the "D-Bus Specification", revision 0.42
// (https://dbus.freedesktop.org/doc/dbus-specification.html). Sections are
// named as there.
//
// A framer (framer.go) cuts either end's bytes into lines of the handshake
// ("Authentication Protocol") and messages ("Message Protocol"). message.go
// reads a message's header, value.go and body.go what it carries ("Type
// System", "Marshaling (Wire Format)"). The dialogue (decoder.go, calls.go)
// pairs calls with replies by their serial numbers, of which each end has its
// own, and auth.go the lines of the handshake by their order. secrets.go tells
// what is not shown, fingerprint.go a message's class.
package dbus

import "unixcap/decoders"

// Protocol is D-Bus's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "dbus",
	Title: "D-Bus",
	About: "D-Bus: the handshake, calls with their arguments and replies in both directions, signals, errors, file descriptors passed.",
	Paths: []string{"*/dbus/system_bus_socket", "/run/user/*/bus", "*/dbus-*", "*/at-spi/bus*", "/run/systemd/private", "*/bus/*-bus"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: appendFingerprint,
}
