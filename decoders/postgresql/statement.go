package postgresql

import (
	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// A statement is a prepared one. Requests and portals that need it hold it, so
// that its memory can be used again when nobody does: clients prepare the
// unnamed statement anew for each execution.
type statement struct {
	name   string
	text   []byte
	hidden sql.Hidden
	types  []uint32 // of the parameters, 0 if not known
	weight int      // what it counts in names.text
	holds  int
}

// A portal is a statement with values.
type portal struct {
	name    string
	stmt    *statement // nil if it was not seen
	args    []decoders.Value
	memory  []byte // what args point into
	dropped bool   // the values were too long to keep
}

const (
	// maxStatements bounds a connection's statements. The server has no bound;
	// drivers' caches hold some hundreds.
	maxStatements = 16384

	// maxStatementText bounds the texts of a connection's statements, so that
	// a client that never closes any cannot fill the memory.
	maxStatementText = maxRequest

	// maxPortals bounds a connection's portals, of which there is one for each
	// cursor that is open.
	maxPortals = 256

	// maxPortalValues bounds what is kept of a portal's values for those who
	// execute it again.
	maxPortalValues = 64 << 10

	// maxFreeStatements is the number of statements kept for reuse.
	maxFreeStatements = 4
)

// names is what a connection has given names to.
type names struct {
	statements map[string]*statement
	portals    map[string]*portal
	latest     *portal // the one that was bound last
	text       int     // of all statements
	free       []*statement
}

func (n *names) init() {
	n.statements = make(map[string]*statement)
	n.portals = make(map[string]*portal)
}

func (s *statement) size() int {
	return len(s.name) + len(s.text) + s.hidden.Size() + 4*len(s.types)
}

// weigh brings up to date what s, which has a name, counts.
func (n *names) weigh(s *statement) {
	n.text += s.size() - s.weight
	s.weight = s.size()
}

// take returns an empty statement that its caller holds.
func (n *names) take() *statement {
	if k := len(n.free); k > 0 {
		s := n.free[k-1]
		n.free = n.free[:k-1]
		s.holds = 1
		return s
	}
	return &statement{holds: 1}
}

func (s *statement) hold() *statement {
	if s != nil {
		s.holds++
	}
	return s
}

// release is the end of a hold.
func (n *names) release(s *statement) {
	if s == nil {
		return
	}
	if s.holds--; s.holds > 0 || len(n.free) >= maxFreeStatements || cap(s.text) > keepBuffer {
		return
	}
	s.hidden.Reset()
	*s = statement{text: s.text[:0], hidden: s.hidden, types: s.types[:0]}
	n.free = append(n.free, s)
}

// define gives s its name and returns what had it before, which the caller
// then holds. A name that is too long for one is not remembered.
func (n *names) define(name []byte, s *statement) (old *statement) {
	if len(name) > maxName {
		return nil
	}
	old = n.statements[string(name)]
	if old != nil {
		n.text -= old.weight
		old.weight = 0
		s.name = old.name
	} else {
		if len(n.statements) >= maxStatements || n.text > maxStatementText {
			n.forget()
		}
		s.name = string(name)
	}
	n.statements[s.name] = s.hold()
	n.weigh(s)
	return old
}

// undefine takes a statement's name away.
func (n *names) undefine(name []byte) {
	if s := n.statements[string(name)]; s != nil {
		n.text -= s.weight
		s.weight = 0
		delete(n.statements, s.name)
		n.release(s)
	}
}

// forget forgets all statements. There are too many.
func (n *names) forget() {
	for name, s := range n.statements {
		delete(n.statements, name)
		s.weight = 0
		n.release(s)
	}
	n.text = 0
}

// portal returns the portal of a name, nil if there is none.
func (n *names) portal(name []byte) *portal {
	if p := n.latest; p != nil && p.name == string(name) {
		return p
	}
	return n.portals[string(name)]
}

// bind makes or replaces a portal.
func (n *names) bind(name []byte, s *statement, args []decoders.Value) {
	if len(name) > maxName {
		return
	}
	p := n.portal(name)
	if p == nil {
		if len(n.portals) >= maxPortals {
			for name, p := range n.portals {
				delete(n.portals, name)
				n.release(p.stmt)
			}
		}
		p = &portal{name: string(name)}
		n.portals[p.name] = p
	}
	n.latest = p
	n.release(p.stmt)
	p.stmt = s.hold()
	p.args, p.memory, p.dropped = p.args[:0], p.memory[:0], false
	size := 0
	for i := range args {
		size += len(args[i].Bytes)
	}
	if size > maxPortalValues || len(args) > keepValues {
		p.dropped = true
		return
	}
	p.args = append(p.args, args...)
	for i := range p.args {
		if v := &p.args[i]; v.Bytes != nil {
			start := len(p.memory)
			p.memory = append(p.memory, v.Bytes...)
			v.Bytes = p.memory[start:len(p.memory):len(p.memory)]
		}
	}
}

// unbind closes a portal.
func (n *names) unbind(name []byte) {
	if p := n.portal(name); p != nil {
		delete(n.portals, p.name)
		n.latest = nil
		n.release(p.stmt)
	}
}
