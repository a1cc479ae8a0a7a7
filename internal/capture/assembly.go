package capture

// maxOpen is how many messages may be incomplete at once. A Writer writes the segments
// of a message one after another, so that only merging files makes it more than one.
const maxOpen = 64

// An assembly is a message of which not all segments have come yet.
type assembly struct {
	flow  *flow
	dir   int
	msg   Message // without its payload
	buf   []byte
	start uint64 // where in the message the first segment began
	next  uint64 // where the next one begins
	total uint64 // the message's length
	cut   bool   // a segment was cut, so nothing after it can be used
}

// continues reports whether a segment is the next one of the assembly.
func (a *assembly) continues(id uint64, x *facts) bool {
	return a.isOf(id, x) && x.at == a.next
}

func (a *assembly) isOf(id uint64, x *facts) bool {
	return x.hasAt && x.hasLength && x.length == a.total && a.msg.Number == id
}

// open begins an assembly with the segment that r.msg was made of.
func (r *Reader) open(f *flow, d int, payload []byte, n uint64) {
	x := &r.facts
	a := r.spare
	if a == nil {
		a = new(assembly)
	}
	r.spare = nil
	*a = assembly{flow: f, dir: d, msg: r.msg, buf: a.buf[:0], start: x.at, next: x.at, total: x.length}
	a.msg.Payload = nil
	a.msg.Offset += x.at
	a.msg.Length = x.length - x.at
	r.assemblies = append(r.assemblies, a)
	f.dir[d].open = a
	r.extend(a, payload, n)
}

// extend adds a segment of n bytes, of which payload was recorded.
func (r *Reader) extend(a *assembly, payload []byte, n uint64) {
	n = min(n, a.total-a.next) // a comment may have been edited
	payload = payload[:min(uint64(len(payload)), n)]
	a.next += n
	if a.cut {
		return
	}
	if r.held+len(payload) > r.opt.MaxMessage {
		payload = payload[:max(r.opt.MaxMessage-r.held, 0)]
	}
	a.buf = append(a.buf, payload...)
	r.held += len(payload)
	a.cut = uint64(len(payload)) < n
}

// finish takes an assembly off the list and makes it the message to return.
func (r *Reader) finish(a *assembly) *Message {
	for i, b := range r.assemblies {
		if b == a {
			r.assemblies = append(r.assemblies[:i], r.assemblies[i+1:]...)
			break
		}
	}
	if d := &a.flow.dir[a.dir]; d.open == a {
		d.open = nil
	}
	r.held -= len(a.buf)
	r.spare = a // with its buffer, for the next one
	r.msg = a.msg
	r.msg.Payload = a.buf
	return &r.msg
}
