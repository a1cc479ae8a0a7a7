package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// A recorder writes down what the library says of each call.
type recorder struct {
	mu   sync.Mutex
	file *os.File
}

// A call is a line of the record. Sizes are those of messages as they were sent.
type call struct {
	Method   string `json:"method"`
	Code     int    `json:"code"`
	Message  string `json:"message,omitempty"`
	In       int    `json:"in"` // messages
	InBytes  int    `json:"in_bytes"`
	Out      int    `json:"out"`
	OutBytes int    `json:"out_bytes"`
}

type callKey struct{}

func (*recorder) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, callKey{}, &call{Method: info.FullMethodName})
}

func (r *recorder) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c := ctx.Value(callKey{}).(*call)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s := s.(type) {
	case *stats.InPayload:
		c.In++
		c.InBytes += s.CompressedLength
	case *stats.OutPayload:
		c.Out++
		c.OutBytes += s.CompressedLength
	case *stats.End:
		state := status.Convert(s.Error)
		c.Code, c.Message = int(state.Code()), state.Message()
		if err := json.NewEncoder(r.file).Encode(c); err != nil {
			fmt.Fprintln(os.Stderr, "grpc:", err)
		}
	}
}

func (*recorder) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*recorder) HandleConn(context.Context, stats.ConnStats)                       {}
