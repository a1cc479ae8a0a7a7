// Package journald decodes what programs log to systemd's journal: entries in
// the "Native Journal Protocol"
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), in datagrams or, if they are
// large, in a file whose descriptor is all that a datagram has; and, on stream
// sockets, lines behind a header, as services' standard output is connected and
// systemd-cat sends them (sd_journal_stream_fd(3)).
//
// entry.go reads entries, lines.go streams. Nobody answers: an entry is an
// exchange by itself.
package journald

import "unixcap/decoders"

// Protocol is the journal's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "journald",
	Title: "journal",
	About: "systemd's journal: the native protocol: entries with all their fields, those passed as a file named as such, and services' standard output.",
	Paths: []string{"*/systemd/journal/socket", "*/systemd/journal.*/socket", "*/systemd/journal/stdout", "*/systemd/journal.*/stdout"},

	Detect:            detect,
	New:               newDecoder,
	Descriptors:       true,
	AppendFingerprint: decoders.AppendMessageClass,
}
