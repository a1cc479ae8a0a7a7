package fastcgi

import "unixcap/decoders"

// maxOpen bounds the requests that are open at once on a connection. Web
// servers have one; the specification allows 65,535.
const maxOpen = 256

// A decoder is a connection. Requests have ids, so that a loss costs only those
// that were open. In our captures a call of Data begins where a send began, so
// the decoder looks for a record at the beginning of each when it has lost its
// place.
type decoder struct {
	emit  func(*decoders.Exchange)
	sides [2]side
	x     decoders.Exchange
	open  map[uint16]*request
	order []uint16 // the open ones, oldest first
	free  []*request
	text  []byte // for what is shown
	names map[string]string
	over  bool
}

// A side is one direction of the connection.
type side struct {
	framer    framer
	record    decoders.Span // of the record
	hunting   bool
	candidate bool
	body      [8]byte // of a record of that length
	have      int
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit, open: make(map[uint16]*request)}
	for i := range d.sides {
		d.sides[i].hunting = true
	}
	return d
}

// Data implements decoders.Decoder.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	from &= 1
	s := &d.sides[from]
	if s.hunting && !s.framer.inside() {
		s.candidate = true
	}
	for len(p) > 0 && !d.over {
		if s.hunting && !s.candidate {
			return
		}
		if !s.framer.inside() {
			s.record = decoders.Span{First: at}
			s.have = 0
		}
		head := s.framer.head
		whole := s.framer.have == headerLength
		content, rest, began, ended, ok := s.framer.next(from, p)
		if !ok {
			d.lose(s, 0)
			return
		}
		if began || whole {
			s.hunting = false
			if began {
				head = s.framer.head
				s.record.Bytes = headerLength
			}
			s.record.Last = at
			n := int64(len(p) - len(rest))
			if began {
				n = headerLength
			}
			d.take(from, s, &head, content, ended, n)
		}
		p = rest
	}
}

// take takes in a stretch of a record, n bytes of it with its header or
// padding.
func (d *decoder) take(from decoders.End, s *side, h *header, content []byte, ended bool, n int64) {
	s.have += copy(s.body[min(s.have, len(s.body)):], content)
	if h[1] == beginRequest {
		if ended {
			d.begins(h.id(), s)
		}
		return
	}
	r := d.open[h.id()]
	if r == nil || h.id() == 0 {
		return
	}
	span := &r.sent
	if from == decoders.Server {
		span = &r.answered
		if span.Bytes == 0 {
			span.First = s.record.First
		}
	}
	span.Bytes += n
	span.Last = s.record.Last
	switch h[1] {
	case params:
		r.params.add(content)
		if ended && h.length() == 0 {
			d.parameters(r)
		}
	case stdin, data:
		r.stdin += int64(len(content))
	case abortRequest:
		r.aborted = true
	case stdout:
		r.out(content)
	case stderr:
		r.err.add(content)
	case endRequest:
		if ended {
			d.ends(r, s.body[:])
		}
	}
}

// lose says that the place in an end's stream is lost. What is open may lack
// something.
func (d *decoder) lose(s *side, n int64) {
	if !s.hunting {
		d.abandon("gap", n)
	}
	s.framer = framer{}
	s.hunting, s.candidate = true, false
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	s := &d.sides[from&1]
	if !s.hunting && s.framer.skip(n) {
		r := d.open[s.framer.head.id()]
		kind := s.framer.head[1]
		if r != nil && (kind == stdin || kind == stdout && r.headed) {
			r.missing += n
			if kind == stdin {
				r.stdin += n
				r.sent.Bytes += n
			} else {
				r.stdout += n
				r.answered.Bytes += n
			}
			return
		}
	}
	d.abandon("gap", max(n, 0))
	s.framer = framer{}
	s.hunting, s.candidate = true, false
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	d.abandon("", 0)
	d.over = true
}

// abandon lets all open requests come out unanswered.
func (d *decoder) abandon(why string, n int64) {
	for len(d.order) > 0 {
		d.unanswered(d.open[d.order[0]], why, n)
	}
}

func (d *decoder) unanswered(r *request, why string, n int64) {
	x := d.describe(r)
	x.Status = decoders.Unanswered
	if why != "" {
		d.x.AddInt(why, n)
	}
	d.emit(x)
	d.close(r)
}

// close forgets a request.
func (d *decoder) close(r *request) {
	delete(d.open, r.id)
	for i, id := range d.order {
		if id == r.id {
			d.order = append(d.order[:i], d.order[i+1:]...)
			break
		}
	}
	if len(d.free) < 4 {
		d.free = append(d.free, r)
	}
}
