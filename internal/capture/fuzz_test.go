package capture

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"unixcap/pcapng"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Whatever the input, a Reader ends, keeps within its bounds and tells the
// truth about lengths.
func FuzzReader(f *testing.F) {
	c := newTalk(Stream, "/run/a b")
	for i := range 4 { // of several packets, most without bytes: the file stays small
		m := c.say(i%2 == 1, pattern(100, 1))
		m.Length = uint64(i*60000 + 100)
		c.offset[i%2] += m.Length - 100
	}
	c.end(false)
	f.Add(record(f, WriterOptions{}, c.messages))
	d := newTalk(Datagram, "@\xff")
	d.say(false, nil)
	d.say(true, pattern(70, 3)).LostMessages = 3
	d.say(true, pattern(70, 3)).Length = 70000
	d.messages[0].Error = "EAGAIN"
	f.Add(record(f, WriterOptions{}, d.messages))
	busy := newTalk(Stream, "/run/busy")
	for i := range 12 {
		m := busy.say(i%2 == 1, pattern(8, 1))
		m.Took = time.Duration(i * 700)
		m.Sender.TID += uint32(i / 6)
		m.Creds = i == 4
	}
	f.Add(record(f, WriterOptions{}, busy.messages))
	f.Fuzz(func(t *testing.T, file []byte) {
		const limit = 1 << 16
		o := ReaderOptions{MaxMessage: limit, MaxConnections: 4}
		r, err := NewReader(bytes.NewReader(file), o)
		if err != nil {
			return
		}
		slow, err := NewReader(bytes.NewReader(file), o)
		if err != nil {
			t.Fatal(err)
		}
		for range len(file) {
			m, err := r.Next()
			slow.forgetLines()
			other, otherErr := slow.Next()
			if (err == nil) != (otherErr == nil) {
				t.Fatalf("error %v, without what was recalled %v", err, otherErr)
			}
			var e *pcapng.Error
			if errors.As(err, &e) && e.Skipped {
				continue
			}
			if err != nil {
				return
			}
			if m.From == nil || uint64(len(m.Payload)) > m.Length {
				t.Fatalf("message from %v: %d bytes of %d", m.From, len(m.Payload), m.Length)
			}
			if d := cmp.Diff(other, m, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("message differs (- read in full, + recalled):\n%s", d)
			}
			if r.held > limit || len(r.assemblies) > maxOpen || len(r.flows.young)+len(r.flows.old) > 4 {
				t.Fatalf("%d bytes in %d assemblies", r.held, len(r.assemblies))
			}
			m.ServerEnd()
		}
	})
}

// forgetLines has r read every comment in full.
func (r *Reader) forgetLines() {
	for _, flows := range []map[flowKey]*flow{r.flows.young, r.flows.old} {
		for _, f := range flows {
			f.dir[0].lined, f.dir[1].lined = false, false
		}
	}
	for i := range r.recent {
		if f := r.recent[i].flow; f != nil {
			f.dir[0].lined, f.dir[1].lined = false, false
		}
	}
}

// Whatever a comment says, parsing it ends and stays inside it.
func FuzzComment(f *testing.F) {
	f.Add([]byte(`pid=1 tid=2 comm="a \"b\" \x00" sk=0xffff000000000001 offset=7 took=12ns creds lost=9`))
	f.Add([]byte(`a= =b "=" \ comm="`))
	f.Fuzz(func(t *testing.T, comment []byte) {
		var x facts
		x.parse(comment)
		name := string(x.comm.text(nil))
		if name == "" {
			return
		}
		// What was read can be written, and reads the same.
		var y facts
		y.parse(appendName(nil, keyComm, name, len(name)))
		if got := string(y.comm.text(nil)); got != name {
			t.Errorf("%q became %q", name, got)
		}
	})
}

// Names come back exactly, and a comment remains one line of UTF-8.
func FuzzName(f *testing.F) {
	f.Add("plain", "with space")
	f.Add("\xff\x00\"\\\n=", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		c := appendName(appendName(nil, keyComm, a, len(a)), keyPath, b, len(b))
		var x facts
		x.parse(c)
		if got := string(x.comm.text(nil)); got != a {
			t.Errorf("%q became %q in %q", a, got, c)
		}
		if got := string(x.path.text(nil)); got != b {
			t.Errorf("%q became %q in %q", b, got, c)
		}
		if s := string(bytes.ToValidUTF8(c, []byte("?"))); s != string(c) || bytes.ContainsAny(c, "\n\r\x00\x1b") {
			t.Errorf("comment %q", c)
		}
	})
}
