// Package memcached decodes what clients say to memcached: the text protocol
// with its meta commands, as doc/protocol.txt of memcached 1.6 has them, and
// the binary one (BinaryProtocolRevamped in its wiki). Names of commands are
// theirs.
//
// A framer (framer.go) cuts either end's bytes into lines, data blocks and
// binary packets. text.go and binary.go make commands and replies of them;
// decoder.go pairs them by their order, and quiet commands by what they would
// not have been answered. fingerprint.go is a command's class.
package memcached

import "unixcap/decoders"

// Protocol is memcached's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "memcached",
	Title: "memcached",
	About: "memcached: text, meta and binary commands, quiet ones and pipelines; hits are rows. Values are sized, not shown.",
	Ports: []uint16{11211},
	Paths: []string{"*/memcached*.sock", "*/memcached*.socket"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: appendFingerprint,
}
