// Package syslog decodes what programs log by the syslog protocol: RFC 3164
// ("The BSD syslog Protocol") as the syslog() function and logger write it to a
// local socket, without a host's name, RFC 5424 ("The Syslog Protocol"), and on
// stream sockets the framings of RFC 6587 ("Transmission of Syslog Messages
// over TCP"). Sections are named as there.
//
// framer.go cuts a stream into messages, message.go reads one, decoder.go makes an
// exchange of it. Nobody answers: a message is an exchange by itself.
package syslog

import "unixcap/decoders"

// Protocol is syslog's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "syslog",
	Title: "syslog",
	About: "syslog: messages of RFC 3164 and 5424, in datagrams and in streams: facility, severity, who, structured data, text.",
	Ports: []uint16{514},
	Paths: []string{"/dev/log", "*/dev/log", "*/dev-log", "*/journal/syslog", "*/syslog*.sock"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: decoders.AppendMessageClass,
}
