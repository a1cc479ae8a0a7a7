// Package http2 decodes HTTP/2 as RFC 9113 writes it, with HPACK (RFC 7541), and
// gRPC over it. Names are those of the RFCs and of gRPC's PROTOCOL-HTTP2.md.
//
// framer.go cuts either end's bytes into frames (frame.go) and finds them again
// where the place in the stream is not known. hpack.go reads header blocks, of
// which field.go says what is looked at. decoder.go gives frames to their streams
// (stream.go), head.go takes in header sections, exchange.go makes exchanges.
// grpc.go reads messages and statuses, protobuf.go shows messages without their
// schema, secrets.go knows whose are not shown. Package decoders/httpsemantics has what
// other versions of HTTP share.
package http2

import "unixcap/decoders"

// Protocol is HTTP/2's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "http2",
	Title: "HTTP/2, gRPC",
	About: "HTTP/2 with prior knowledge or upgraded to (h2c): streams, trailers, 1xx, push, CONNECT; gRPC: methods, statuses, messages without a schema.",
	Ports: []uint16{50051},
	Paths: []string{"*/containerd.sock", "*/crio.sock", "*/cri-dockerd.sock", "*/buildkitd.sock", "*/kubelet.sock", "*/csi.sock",
		"*-reg.sock", "*/containerd-stargz-grpc.sock", "*/spire-agent/public/api.sock", "*/grpc*.sock", "*/h2c*.sock"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: appendClass,
}

// Behind returns a decoder for what follows an upgrade from HTTP/1.1 (RFC 7540,
// 3.2), or HTTP/2 that began where HTTP/1.1 might have. begun is the request that
// was upgraded, nil if there is none; it is copied. The response to it comes on
// stream 1, unless the connection only changes to HTTP/2: Docker's has requests of
// its own then, and at /session it is the server that makes them.
func Behind(emit func(*decoders.Exchange), begun *decoders.Exchange) decoders.Decoder {
	d := newDecoder(emit).(*decoder)
	d.version, d.unsure = versionTwo, true
	if begun != nil {
		d.upgraded(begun)
	}
	return d
}

var versionTwo = []byte("2")
