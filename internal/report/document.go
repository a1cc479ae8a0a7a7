package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// documentVersion is that of the JSON. It changes when what an older release
// wrote cannot be merged any more.
const documentVersion = 1

// A document is the report as JSON. It has all that the report's other forms
// are made from.
type document struct {
	Version     int            `json:"version"`
	Files       []string       `json:"files"`
	Total       Totals         `json:"total"`
	LeftOut     map[string]int `json:"left_out,omitempty"`
	Protocols   []*protocolSum `json:"protocols"`
	Classes     []*group       `json:"classes"`
	Users       []*group       `json:"users"`
	Databases   []*group       `json:"databases"`
	Processes   []*group       `json:"processes"`
	Connections []*group       `json:"connections"`
	Pairs       []*pairSum     `json:"pairs"`
	Errors      []*errorSum    `json:"errors"`
	Failures    []*failureSum  `json:"failed_connections"`
}

// appendJSON appends the whole report, each row on a line of its own, with at
// most limit rows of each kind.
func (s *Summary) appendJSON(dst []byte, l Layout) ([]byte, error) {
	w := jsonWriter{dst: append(dst, '{'), left: make(map[string]int)}
	w.value("version", documentVersion)
	w.value("files", s.Files)
	w.value("total", s.Total)
	writeRows(&w, "protocols", s.sortedProtocols(), 0)
	for d, name := range [dimensions]string{"classes", "users", "databases", "processes", "connections"} {
		writeRows(&w, name, s.sortedGroups(dimension(d), l.Sort), l.Limit)
	}
	writeRows(&w, "pairs", s.sortedPairs(), l.Limit)
	writeRows(&w, "errors", s.sortedErrors(), l.Limit)
	writeRows(&w, "failed_connections", s.sortedFailures(), l.Limit)
	if len(w.left) > 0 {
		w.value("left_out", w.left)
	}
	return append(w.dst, "}\n"...), w.err
}

type jsonWriter struct {
	dst  []byte
	buf  bytes.Buffer
	left map[string]int // rows that a limit leaves out
	err  error
}

func (w *jsonWriter) key(name string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(append(append(w.dst, '"'), name...), '"', ':')
}

func (w *jsonWriter) value(name string, v any) {
	w.key(name)
	w.put(v)
}

// put appends a value. Control characters never reach a terminal.
func (w *jsonWriter) put(v any) {
	w.buf.Reset()
	e := json.NewEncoder(&w.buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil && w.err == nil {
		w.err = err
	}
	w.dst = append(w.dst, bytes.ReplaceAll(bytes.TrimRight(w.buf.Bytes(), "\n"), []byte{0x7f}, []byte(`\u007f`))...)
}

func writeRows[T any](w *jsonWriter, name string, rows []*T, limit int) {
	if limit > 0 && len(rows) > limit {
		w.left[name] = len(rows) - limit
		rows = rows[:limit]
	}
	w.key(name)
	w.dst = append(w.dst, '[')
	for i, row := range rows {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(w.dst, '\n', ' ')
		w.put(row)
	}
	w.dst = append(w.dst, ']')
}

// ReadSummary reads a report that was written as JSON. It is read whole, so
// that it takes a few times its size in memory.
func ReadSummary(r io.Reader) (*Summary, error) {
	d := json.NewDecoder(r)
	var doc document
	if err := d.Decode(&doc); err != nil {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		if errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("is no report of analyze --format json, or damaged: %w", err)
		}
		return nil, err
	}
	switch {
	case doc.Version == 0:
		return nil, errors.New("is no report of analyze --format json")
	case doc.Version != documentVersion:
		return nil, fmt.Errorf("is of version %d, and this analyze reads %d (make it again from the capture)", doc.Version, documentVersion)
	case len(doc.LeftOut) > 0:
		return nil, errors.New("was written with --limit, so that the rest is missing (make it again without)")
	}
	s := NewSummary(doc.Files, AllDimensions()...)
	s.Total = doc.Total
	for _, p := range doc.Protocols {
		if p != nil {
			s.protocol(p.Name).add(p)
		}
	}
	for d, rows := range [dimensions][]*group{doc.Classes, doc.Users, doc.Databases, doc.Processes, doc.Connections} {
		gather(s.groups[d], rows)
	}
	gather(s.pairs, doc.Pairs)
	gather(s.errors, doc.Errors)
	gather(s.failures, doc.Failures)
	return s, nil
}

// gather takes in rows, of which two should not have the same key.
func gather[K comparable, V any, P sum[K, V]](m map[K]*V, rows []*V) {
	for _, row := range rows {
		if row == nil {
			continue
		}
		k := P(row).key()
		if mine := m[k]; mine != nil {
			P(mine).add(row)
			continue
		}
		m[k] = row
	}
}
