package journald

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

var (
	update = flag.Bool("update", false, "rewrite the expected output in testdata")
	record = flag.Bool("record", false, "record the conversations in testdata anew")
)

// The conversations in testdata, what each shows, and how they were made: by
// programs that take the test's sockets for the journal's, in a mount namespace
// of their own.
var golden = []struct {
	name, shows string
	stream      bool
	command     string
}{
	{"logger", "logger --journald: fields, values of several lines, a password, one entry too large for a datagram", false, `
printf 'MESSAGE=hello world\nPRIORITY=3\nSYSLOG_IDENTIFIER=app\nREQUEST_ID=17\nDB_PASSWORD=geheim\nCODE_FILE=a.c\nCODE_LINE=5\n' | logger --journald
printf 'MESSAGE=connect token=geheim\n' | logger --journald
printf 'MESSAGE=two\nMESSAGE=lines\nPRIORITY=7\n' | logger --journald
{ printf 'PRIORITY=6\nMESSAGE='; head -c 9000000 /dev/zero | tr '\0' x; echo; } | logger --journald`},
	{"stdout", "systemd-cat: a header and lines, some with a priority of their own", true, `
systemd-cat -t app -p warning sh -c 'printf "one\n<3>two password=geheim\n"; printf "no end"'`},
}

func protocol(stream bool) decoders.Protocol {
	if stream {
		return Protocol
	}
	return decodertest.Packets(Protocol)
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			p := protocol(g.stream)
			c := decodertest.Golden(t, p, filepath.Join("testdata", g.name), *update)
			if t.Failed() {
				t.Log(g.shows)
			}
			if g.stream {
				decodertest.Splits(t, p, c)
				decodertest.Bounded(t, p, c)
				return // from the middle a line is a line, and its priority not known
			}
			decodertest.EverythingOfPackets(t, p, c)
		})
	}
}

// TestRecord is not a test but how the conversations got here, as root:
//
//	go test -run TestRecord/NAME -record
func TestRecord(t *testing.T) {
	if !*record {
		return // it makes golden conversations, and tests nothing
	}
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := decodertest.NewListener(filepath.Join(dir, "socket"))
			if err != nil {
				t.Fatal(err)
			}
			lines := make(chan decodertest.Conversation, 1)
			s, err := net.Listen("unix", filepath.Join(dir, "stdout"))
			if err != nil {
				t.Fatal(err)
			}
			go func() { lines <- accepted(s) }()
			cmd := exec.Command("unshare", "-m", "sh", "-c", "mkdir -p /run/systemd/journal; mount --bind "+dir+" /run/systemd/journal\n"+g.command)
			out, err := cmd.CombinedOutput()
			t.Logf("%v %s", err, out)
			time.Sleep(300 * time.Millisecond)
			var c decodertest.Conversation
			if g.stream {
				c = <-lines
			}
			s.Close()
			if said := l.Close(); !g.stream {
				c = said
			}
			for _, x := range decodertest.Whole(protocol(g.stream), c) {
				t.Logf("%.400s", decodertest.JSON(&x))
			}
			c.Write(t, filepath.Join("testdata", g.name+".conv"))
		})
	}
}

// accepted takes one connection and returns what is sent.
func accepted(l net.Listener) (c decodertest.Conversation) {
	conn, err := l.Accept()
	if err != nil {
		return nil
	}
	defer conn.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := conn.Read(b)
		if n > 0 {
			c = append(c, decodertest.Message{From: decoders.Client, At: time.Now(), Data: append([]byte(nil), b[:n]...)})
		}
		if err != nil {
			return c
		}
	}
}

func TestEntries(t *testing.T) {
	counted := func(name, value string) string {
		return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(value)))) + value + "\n"
	}
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"two in one", "MESSAGE=a\nPRIORITY=0\n\nMESSAGE=b\n", []string{"emerg a", "entry b"}},
		{"bytes", counted("MESSAGE", "x\ny=z") + "PRIORITY=9\n", []string{"entry x\ny=z"}},
		{"no end", "MESSAGE=a", []string{"entry a"}},
		{"a length that lies", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffabc", []string{"entry abc entry=invalid"}},
		{"no name", "=a\n", []string{"entry  entry=invalid"}},
		{"many fields", strings.Repeat("A=1\n", 70), []string{"entry "}},
		{"empty lines", "\n\n\n", nil},
	} {
		var got []string
		d := newDecoder(func(x *decoders.Exchange) {
			s := x.Op + " " + string(x.Request)
			for _, a := range x.Attrs {
				if a.Key == "entry" {
					s += " entry=" + string(a.Value.Bytes)
				}
			}
			got = append(got, s)
		}).(decoders.PacketDecoder)
		d.Packet(decoders.Client, decoders.Mark{}, decoders.Packet{Data: []byte(c.in)})
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]decoders.Verdict{
		"MESSAGE=x\n": decoders.Yes, "A=1\nPRIORITY=6\n": decoders.Yes, "READY=1\n": decoders.No, "": decoders.Maybe, "GET / HTTP/1.1\r\n": decoders.No,
		"app\n\n6\n1\n0\n0\n0\n": decoders.Yes, "app\n\n6\n1\n0\n": decoders.Maybe, "app\n\n8\n1\n0\n0\n0\n": decoders.No, "hello\nworld\nhow\n": decoders.No,
	} {
		if got := detect([]byte(text), nil, true); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, g := range golden {
		f.Add(decodertest.Read(f, filepath.Join("testdata", g.name+".conv")).Seed())
	}
	packets := decodertest.Packets(Protocol)
	f.Fuzz(func(t *testing.T, data []byte) {
		decodertest.Chaos(t, Protocol, data)
		decodertest.Chaos(t, packets, data)
	})
}

func BenchmarkEntry(b *testing.B) {
	var c decodertest.Conversation
	for i := range 1000 {
		c = append(c, decodertest.Message{Data: fmt.Appendf(nil, "CODE_FILE=../src/core/job.c\nCODE_LINE=768\nCODE_FUNC=job_emit_done_message\nPRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=systemd\nTID=%d\nJOB_ID=%d\nJOB_TYPE=start\nJOB_RESULT=done\nUNIT=session-%d.scope\nMESSAGE=Started session-%d.scope - Session %d of User root.\nMESSAGE_ID=39f53479d3a045ac8e11786248231fbf\nINVOCATION_ID=\n", i, i, i, i, i)})
	}
	decodertest.Benchmark(b, decodertest.Packets(Protocol), c)
}

func BenchmarkLines(b *testing.B) {
	c := decodertest.Conversation{{Data: []byte("app\n\n6\n1\n0\n0\n0\n")}}
	for i := range 1000 {
		c = append(c, decodertest.Message{Data: fmt.Appendf(nil, "2026/11/24 10:00:00 request %d from 10.0.0.%d took 25ms, status 200, route /api/v1/items, agent curl/7.88\n", i, i%256)})
	}
	decodertest.Benchmark(b, Protocol, c)
}
