// Package http decodes HTTP/1.0 and HTTP/1.1 as RFC 9112 writes them, with the
// semantics of RFC 9110, and WebSocket (RFC 6455) where a connection changes
// to it. Names are those of the RFCs.
//
// A framer (framer.go) cuts either end's bytes into lines and stretches of
// content. startline.go and field.go make requests and responses of them,
// decoder.go and response.go pair them by their order: HTTP/1.1 numbers
// nothing. upgrade.go knows what comes after HTTP, websocket.go the frames.
// Package decoders/httpsemantics has what other versions share, as how content is
// shown, and decoders/uri what of it is not shown, and a request's class.
package http

import (
	"unixcap/decoders"
	"unixcap/decoders/uri"
)

// Protocol is HTTP/1.1's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "http",
	Title: "HTTP/1.1",
	About: "HTTP/1.0 and 1.1: pipelining, chunked, trailers, 1xx, upgrades, CONNECT, gzip, br and zstd content; WebSocket messages.",
	Ports: []uint16{80, 631, 2375, 3128, 8000, 8008, 8080, 8888},
	Paths: []string{"*/docker.sock", "*/podman.sock", "*/nginx*.sock", "*/http*.sock", "*/gunicorn*.sock", "*/puma*.sock",
		"*/unicorn*.sock", "*/snapd*.socket", "*/cups.sock", "*/lxd/unix.socket", "*/incus/unix.socket"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: uri.AppendRoute,
}
