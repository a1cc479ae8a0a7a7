package report

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/decoders/sql"
	"unixcap/internal/capture"
	"unixcap/internal/stream"
)

var benchProtocol = decoders.Protocol{Name: "mysql", AppendFingerprint: sql.MySQL.AppendFingerprint}

// benchEntries are exchanges as sysbench has them: statements of a few classes,
// in transactions, by a few clients. Those of prepared statements have the same
// text again and again.
func benchEntries(prepared bool) (list []*Entry) {
	var flows []*stream.Flow
	for i := range 4 {
		f := &stream.Flow{ID: fmt.Sprint("flow", i), Proto: "mysql"}
		f.Ends[decoders.Client].Process = capture.Process{PID: uint32(i), Comm: "sysbench"}
		flows = append(flows, f)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 4096 {
		op, request := "stmt_execute", fmt.Sprintf("SELECT c FROM sbtest%d WHERE id=?", i%16/4)
		switch {
		case i%16 == 0:
			request = "BEGIN"
		case i%16 == 15:
			request = "COMMIT"
		case !prepared:
			op, request = "query", fmt.Sprintf("SELECT c FROM sbtest%d WHERE id=%d", i%16/4, i)
		}
		x := exchange(op, request, time.Duration(50+i%1000)*time.Microsecond)
		x.Sent.First.Time = decoders.TimeOf(at).Add(time.Duration(i) * time.Millisecond)
		x.Answered.Last.Time = x.Sent.First.Time.Add(x.Answered.Last.Time.Sub(x.Sent.Last.Time))
		x.Answered.First.Time, x.Sent.Last.Time = x.Answered.Last.Time, x.Sent.First.Time
		x.Sent.Bytes, x.Answered.Bytes, x.Rows = int64(40+i%7), int64(200+i%100), int64(1+i%3)
		x.User, x.Database = "root", "sbtest"
		if i%16 < 15 {
			x.Attrs = append(x.Attrs, decoders.Attr{Key: "transaction", Value: decoders.StringValue("open")})
		}
		list = append(list, &Entry{Flow: flows[i/16%4], Exchange: x, Protocol: &benchProtocol, Packet: uint64(i + 1)})
	}
	return list
}

func BenchmarkSummary(b *testing.B) {
	for _, tt := range []struct {
		name     string
		prepared bool
		by       []dimension
	}{
		{"prepared", true, nil},
		{"prepared/all dimensions", true, AllDimensions()},
		{"text", false, nil},
	} {
		b.Run(tt.name, func(b *testing.B) {
			list := benchEntries(tt.prepared)
			s := NewSummary([]string{"x"}, tt.by...)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Exchange(list[i%len(list)])
			}
		})
	}
}

// An exchange of a class that was seen before costs no memory.
func TestSummaryAllocates(t *testing.T) {
	for _, prepared := range []bool{true, false} {
		list := benchEntries(prepared)
		s := NewSummary([]string{"x"}, AllDimensions()...)
		add := func() {
			for _, e := range list {
				s.Exchange(e)
			}
		}
		for range 20 {
			add()
		}
		if n := testing.AllocsPerRun(10, add); n != 0 {
			t.Errorf("prepared %v: %v allocations in %d exchanges, want 0", prepared, n, len(list))
		}
	}
}

func BenchmarkMessageWriter(b *testing.B) {
	row := strings.Repeat("0123456789-abcdefghij-KLMNOPQRST-", 60)
	for _, tt := range []struct{ name, payload string }{
		{"text", row},
		{"binary", strings.Repeat("\x00\x01\xfe\xff0123456789-abcd", 100)},
	} {
		for _, f := range MessageFormats {
			b.Run(string(f)+"/"+tt.name, func(b *testing.B) {
				m := testMessage(tt.payload)
				w, err := NewMessageWriter(io.Discard, f, 0)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(tt.payload)))
				b.ReportAllocs()
				for b.Loop() {
					w.WriteMessage(m)
				}
			})
		}
	}
}
