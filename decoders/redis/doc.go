// Package redis decodes what clients say to Redis, Valkey, KeyDB and others
// like them: RESP2 and RESP3, as "Redis serialization protocol specification"
// (https://redis.io/docs/latest/develop/reference/protocol-spec/) and the
// RESP3 specification (https://github.com/redis/redis-specifications,
// protocol/RESP3.md) describe them, with the streamed types of the latter,
// inline commands, "Redis Pub/Sub" and the line format of MONITOR. The names
// of types are theirs; of commands, those of INFO commandstats.
//
// A framer (framer.go) cuts either end's bytes into items: a line with its
// type, or a stretch of a bulk string. client.go makes commands of them,
// reply.go replies. The dialogue (decoder.go, server.go) pairs them by their
// order: RESP numbers nothing. push.go tells what a server sends unasked,
// secrets.go what of a command is not shown, fingerprint.go a command's class.
package redis

import "unixcap/decoders"

// Protocol is Redis's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "redis",
	Title: "Redis",
	About: "Redis and Valkey: RESP2, RESP3 and inline commands, pipelines, transactions, pub/sub and other pushes, MONITOR.",
	Ports: []uint16{6379},
	Paths: []string{"*/redis*.sock", "*/valkey*.sock", "*/keydb*.sock"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: appendFingerprint,
}
