package mysql

import "unixcap/decoders/sql"

// A statement is a prepared one.
type statement struct {
	id     uint32
	text   []byte
	params int // -1 if not known
	hidden sql.Hidden
	unseen bool // prepared before the capture began

	types []uint16 // of the parameters, as last sent
	epoch int      // of types and long: of no use in a later one
	long  []longData

	prev, next *statement
}

// longData is what COM_STMT_SEND_LONG_DATA has sent for a parameter.
type longData struct {
	param uint16
	data  []byte
	cut   int64 // bytes not kept
}

const (
	// maxStatements bounds a connection's statements. It is the default of
	// max_prepared_stmt_count, which holds for the whole server.
	maxStatements = 16382

	// maxStatementText bounds the texts of a connection's statements, so that
	// a client that never closes any cannot fill the memory.
	maxStatementText = maxRequest
)

// statements are the open statements of a connection. When there are too many
// the oldest is forgotten.
type statements struct {
	byID map[uint32]*statement
	ring statement // its next is the oldest
	text int
}

func (s *statements) find(id uint32) *statement { return s.byID[id] }

func (s *statements) add(st *statement) {
	if s.byID == nil {
		s.clear()
	}
	if old := s.byID[st.id]; old != nil {
		s.remove(old)
	}
	s.byID[st.id] = st
	st.prev, st.next = s.ring.prev, &s.ring
	st.prev.next, st.next.prev = st, st
	s.text += st.size()
	for s.ring.next != st && (len(s.byID) > maxStatements || s.text > maxStatementText) {
		s.remove(s.ring.next)
	}
}

func (s *statements) remove(st *statement) {
	if st.next == nil {
		return
	}
	delete(s.byID, st.id)
	st.prev.next, st.next.prev = st.next, st.prev
	st.prev, st.next = nil, nil
	s.text -= st.size()
}

// size is how much of maxStatementText a statement takes.
func (st *statement) size() int {
	return len(st.text) + st.hidden.Size()
}

func (s *statements) clear() {
	s.byID = make(map[uint32]*statement)
	s.ring.prev, s.ring.next = &s.ring, &s.ring
	s.text = 0
}

// longFor returns what was sent ahead for a parameter.
func (st *statement) longFor(i int) ([]byte, bool) {
	for k := range st.long {
		if int(st.long[k].param) == i {
			return st.long[k].data, true
		}
	}
	return nil, false
}

// addLong keeps at most room bytes of data and returns how many it kept.
func (st *statement) addLong(param uint16, data []byte, size int64, room int) int {
	k := 0
	for k < len(st.long) && st.long[k].param != param {
		k++
	}
	if k == len(st.long) {
		st.long = append(st.long, longData{param: param})
	}
	l := &st.long[k]
	n := min(len(data), max(room, 0))
	l.data = append(l.data, data[:n]...)
	l.cut += size - int64(n)
	return n
}

// longBytes returns how much of st's long data is kept, and how much is not.
func (st *statement) longBytes() (kept int, cut int64) {
	for i := range st.long {
		kept += len(st.long[i].data)
		cut += st.long[i].cut
	}
	return kept, cut
}
