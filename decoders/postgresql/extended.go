package postgresql

import (
	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// What the messages of the "Extended Query" protocol do to a connection.

// extended takes in a message that joins the request before it, if that is
// about the same statement and not answered yet, or begins one.
func (d *decoder) extended(m *message, at decoders.Mark) {
	b := reader{b: m.body}
	switch m.kind {
	case kindParse:
		d.parse(m, at, &b)
	case kindBind:
		d.bind(m, at, &b)
	case kindDescribe:
		d.describe(m, at, &b)
	case kindExecute:
		d.execute(m, at, &b)
	case kindClose:
		d.closeNamed(m, at, &b)
	case kindSync:
		if r := d.queue.first(); r != nil && r.again() {
			r.x.Sent.Bytes += m.wire
			return
		}
		if r := d.queue.tail(); r != nil && r.open() {
			d.join(r, stepSync, m, at)
			return
		}
		r := d.begin(stepSync, m, at)
		if d.doubt || d.server().hunting { // what is answered may be what it belongs to
			r.x.AddUint("gap", 0)
			r.x.Status = decoders.Unanswered
			d.out(r)
			return
		}
		d.push(r)
	}
}

// join makes m a part of the newest request.
func (d *decoder) join(r *request, s step, m *message, at decoders.Mark) {
	r.add(s)
	r.x.Sent.Last = at
	r.x.Sent.Bytes += m.wire
	d.queue.grown(r)
	d.bound()
}

func (d *decoder) parse(m *message, at decoders.Mark, b *reader) {
	r := d.begin(stepParse, m, at)
	r.name = append(r.name[:0], b.text()...)
	s := d.names.take()
	s.text = sql.PostgreSQL.AppendWithoutSecrets(s.text[:0], b.text(), &s.hidden)
	s.types = s.types[:0]
	for range b.uint16() {
		if b.bad {
			break
		}
		s.types = append(s.types, b.uint32())
	}
	r.old = d.names.define(r.name, s)
	r.about(s)
	r.x.AddText("statement", r.name)
	r.x.AddCount("truncated_bytes", uint64(m.cut()))
	d.push(r)
}

// about makes s the statement of the request, which from now on holds it.
func (r *request) about(s *statement) {
	r.stmt = s
	r.x.Request = s.text
	r.hidden.Add(&s.hidden)
}

func (d *decoder) bind(m *message, at decoders.Mark, b *reader) {
	portal, name := b.text(), b.text()
	r := d.queue.tail()
	joins := r != nil && r.open() && r.steps[0] == stepParse && r.last() <= stepDescribeStatement && string(r.name) == string(name)
	if !joins {
		r = d.begin(stepBind, m, at)
		r.name = append(r.name[:0], name...)
		if s := d.names.statements[string(name)]; s != nil {
			r.about(s.hold())
		}
		r.x.AddText("statement", r.name)
	}
	r.x.Op = stepNames[stepBind]
	r.portal = append(r.portal[:0], portal...)
	r.x.AddText("portal", r.portal)
	r.values(b)
	r.x.AddCount("truncated_bytes", uint64(m.cut()))
	d.names.bind(portal, r.stmt, r.x.Args)
	if joins {
		d.join(r, stepBind, m, at)
		return
	}
	d.push(r)
}

// values reads a Bind's parameters.
func (r *request) values(b *reader) {
	formats := reader{b: b.take(2 * b.uint16())}
	one, binary := len(formats.b) == 2, false
	if one {
		binary = formats.uint16() == 1
	}
	var types []uint32
	if r.stmt != nil {
		types = r.stmt.types
	}
	for i := range b.uint16() {
		n := int32(b.uint32())
		if b.bad {
			break
		}
		if !one {
			binary = formats.uint16() == 1
		}
		if n < 0 {
			r.x.Args = append(r.x.Args, decoders.Value{})
			continue
		}
		v := b.take(int(n))
		if b.bad { // it is cut
			break
		}
		oid := uint32(0)
		if i < len(types) {
			oid = types[i]
		}
		r.x.Args = append(r.x.Args, r.value(oid, binary, v))
	}
	if r.stmt != nil && r.stmt.hidden.Params() {
		r.stmt.hidden.Hide(r.x.Args, len(r.x.Args), &r.hidden)
	}
	r.scratch = sql.HideContents(r.x.Args, len(r.x.Args), r.scratch, &r.hidden)
}

func (d *decoder) describe(m *message, at decoders.Mark, b *reader) {
	what, name := b.byte(), b.text()
	r := d.queue.tail()
	if what == 'P' {
		if r != nil && r.open() && r.last() == stepBind && string(r.portal) == string(name) {
			d.join(r, stepDescribePortal, m, at)
			return
		}
		r = d.begin(stepDescribePortal, m, at)
		r.ofPortal(d.names.portal(name), name)
	} else {
		if r != nil && r.open() && r.last() == stepParse && string(r.name) == string(name) {
			d.join(r, stepDescribeStatement, m, at)
			return
		}
		r = d.begin(stepDescribeStatement, m, at)
		r.ofStatement(d.names.statements[string(name)], name)
	}
	d.push(r)
}

func (r *request) ofStatement(s *statement, name []byte) {
	r.name = append(r.name[:0], name...)
	if s != nil {
		r.about(s.hold())
	}
	r.x.AddText("statement", r.name)
}

func (r *request) ofPortal(p *portal, name []byte) {
	r.portal = append(r.portal[:0], name...)
	r.x.AddText("portal", r.portal)
	if p != nil && p.stmt != nil {
		r.about(p.stmt.hold())
		r.keepString("statement", p.stmt.name)
	}
}

func (d *decoder) execute(m *message, at decoders.Mark, b *reader) {
	name := b.text()
	rows := b.uint32()
	r := d.queue.tail()
	if r != nil && r.open() && (r.last() == stepBind || r.last() == stepDescribePortal) && string(r.portal) == string(name) {
		r.x.Op = stepNames[stepExecute]
		r.x.AddCount("max_rows", uint64(rows))
		d.join(r, stepExecute, m, at)
		return
	}
	r = d.begin(stepExecute, m, at)
	p := d.names.portal(name)
	r.ofPortal(p, name)
	if p != nil {
		r.sameValues(p)
	}
	r.x.AddCount("max_rows", uint64(rows))
	d.push(r)
}

// again says whether a Sync is that of r once more: a server that reads the
// data of a COPY passes over the Sync that was sent with the Execute, so the
// client sends another.
func (r *request) again() bool {
	return r.copying == "in" && r.sync() && (r.failed || r.current() == stepExecute)
}

// sameValues gives a portal's values to a request that executes it once more.
func (r *request) sameValues(p *portal) {
	if p.dropped {
		r.x.AddCount("values_not_kept", 1)
	}
	for _, v := range p.args {
		if v.Bytes != nil {
			v.Bytes = r.keep(v.Bytes)
		}
		r.x.Args = append(r.x.Args, v)
	}
}

func (d *decoder) closeNamed(m *message, at decoders.Mark, b *reader) {
	what, name := b.byte(), b.text()
	r := d.begin(stepClose, m, at)
	if what == 'P' {
		r.ofPortal(d.names.portal(name), name)
		d.names.unbind(name)
	} else {
		r.ofStatement(d.names.statements[string(name)], name)
		d.names.undefine(name)
	}
	d.push(r)
}

// undo takes back what a Parse that failed or was passed over has defined.
func (d *decoder) undo(r *request) {
	if r.steps[0] != stepParse || r.stmt == nil || d.names.statements[string(r.name)] != r.stmt {
		return
	}
	d.names.undefine(r.name)
	if r.old != nil && len(r.name) > 0 { // the unnamed one is gone all the same
		d.names.release(d.names.define(r.name, r.old))
	}
}
