package mysql

import "unixcap/decoders"

var errQuery = &MalformedError{"COM_QUERY"}

// maxQueryAttributes bounds how many attributes of a query come out.
const maxQueryAttributes = 64

// Query is COM_QUERY.
type Query struct {
	Attributes []QueryAttribute
	Text       []byte
}

// A QueryAttribute is a named value that a client sends along with a
// statement, "Query Attributes".
type QueryAttribute struct {
	Name  []byte
	Value decoders.Value

	paramType uint16
}

// Decode reads a COM_QUERY; its slices point into src and into r's text.
// attributes says whether the client negotiated CLIENT_QUERY_ATTRIBUTES.
func (m *Query) Decode(src []byte, attributes bool, r *valueReader) error {
	m.Attributes = m.Attributes[:0]
	r.payload = payload{b: src}
	r.uint8()
	if attributes {
		count := r.lenenc()
		r.lenenc() // parameter_set_count
		if count > uint64(len(r.b)) {
			r.fail()
		} else if count > 0 {
			m.decodeAttributes(r, int(count))
		}
	}
	m.Text = r.rest()
	return r.err(errQuery)
}

// looksAttributed says whether a COM_QUERY seems to carry query attributes,
// for a client whose handshake was not seen: a parameter count and a parameter
// set count of 1 stand before the text. No text begins with these two bytes,
// which are control characters.
func looksAttributed(query []byte) bool {
	return len(query) >= 3 && query[1] < '\t' && query[2] == 1
}

func (m *Query) decodeAttributes(r *valueReader, count int) {
	nulls := r.take((count + 7) / 8)
	if r.uint8() != 1 { // new_params_bind_flag
		r.fail()
	}
	for range count {
		a := QueryAttribute{paramType: r.uint16(), Name: r.lenencString()}
		if r.bad || !knownType(a.paramType) {
			r.fail()
			return
		}
		m.Attributes = append(m.Attributes, a)
	}
	for i := range m.Attributes {
		if nulls[i/8]&(1<<(i%8)) == 0 {
			m.Attributes[i].Value = r.value(m.Attributes[i].paramType)
		}
	}
}
