package stream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"unixcap/decoders"
	"unixcap/internal/glob"
)

// A Rule says how the conversations of some sockets are to be decoded,
// whatever their content looks like.
type Rule struct {
	Glob     string // on the path of either end, or
	SK       uint64 // the address of either socket, or
	Port     uint16 // the service's port
	Protocol *decoders.Protocol
}

// ParseRule reads a rule as people write it: GLOB=PROTO, 0xSK=PROTO or
// PORT=PROTO.
func ParseRule(s string, known []*decoders.Protocol) (Rule, error) {
	what, name, ok := strings.Cut(s, "=")
	if i := strings.LastIndexByte(s, '='); ok {
		what, name = s[:i], s[i+1:]
	}
	if !ok || what == "" || name == "" {
		return Rule{}, fmt.Errorf("%q is not GLOB=PROTO, 0xSK=PROTO or PORT=PROTO", s)
	}
	var r Rule
	for _, p := range known {
		if p.Name == name {
			r.Protocol = p
		}
	}
	if r.Protocol == nil {
		return Rule{}, fmt.Errorf("no decoder for %q (see analyze decoders)", name)
	}
	if n, err := strconv.ParseUint(what, 10, 16); err == nil {
		r.Port = uint16(n)
		return r, nil
	}
	if hex, ok := strings.CutPrefix(what, "0x"); ok {
		if n, err := strconv.ParseUint(hex, 16, 64); err == nil && n != 0 {
			r.SK = n
			return r, nil
		}
	}
	if err := glob.Check(what); err != nil {
		return Rule{}, err
	}
	r.Glob = what
	return r, nil
}

// covers reports whether the rule is about f.
func (r *Rule) covers(f *Flow) bool {
	if r.Port != 0 {
		return f.port == r.Port || f.network() &&
			(f.Ends[0].Socket.Addr.Port() == r.Port || f.Ends[1].Socket.Addr.Port() == r.Port)
	}
	for i := range f.Ends {
		s := &f.Ends[i].Socket
		switch {
		case r.SK != 0 && s.SK == r.SK:
			return true
		case r.Glob != "" && s.Path != "" && glob.MatchPath(r.Glob, s.Path):
			return true
		}
	}
	return false
}

// A hint is what may speak for a protocol.
type hint struct {
	path string
	port uint16
}

// maxHints bounds the hints whose candidates are remembered. A host has few
// services.
const maxHints = 256

// candidates lists the protocols to try on f, those first that path or port
// speak for. The list is shared.
func (e *Engine) candidates(f *Flow) []candidate {
	h := hint{f.Path(), f.port}
	if list, ok := e.hints[h]; ok {
		return list
	}
	list := make([]candidate, 0, len(e.set.Protocols))
	for _, want := range []bool{true, false} {
		for _, p := range e.set.Protocols {
			if hinted(p, h.path, h.port) == want {
				list = append(list, candidate{p, want})
			}
		}
	}
	if e.hints == nil || len(e.hints) >= maxHints {
		e.hints = make(map[hint][]candidate)
	}
	e.hints[h] = list
	return list
}

func hinted(p *decoders.Protocol, name string, port uint16) bool {
	for _, pattern := range p.Paths {
		if glob.MatchPath(pattern, name) {
			return true
		}
	}
	return port != 0 && slices.Contains(p.Ports, port)
}
