// Package json decodes protocols whose messages are JSON values, one behind the
// other: JSON-RPC 2.0 (https://www.jsonrpc.org/specification), with or without
// the header of the Language Server Protocol's base protocol, QEMU's QMP
// ("QEMU Machine Protocol Specification", docs/interop/qmp-spec), varlink
// (https://varlink.org/Method-Call), and lines of any other JSON (RFC 8259).
//
// framer.go cuts bytes into values by their brackets, so that line feeds, zero
// bytes and headers between them need not be known; message.go finds out which
// members a value has and what that makes it; decoder.go pairs calls and replies
// by id, or by their order where there is none.
package json

import "unixcap/decoders"

// Protocol is JSON's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "json",
	Title: "JSON",
	About: "JSON-RPC 2.0 and LSP, QEMU's QMP, varlink and other JSON in lines: calls with parameters, replies, notifications, events, errors.",
	Paths: []string{"*/qmp*.sock", "*.qmp", "*/qmp", "*/qmp-sock", "*/io.systemd.*", "*/varlink*", "*/org.varlink.*"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: appendFingerprint,
}
