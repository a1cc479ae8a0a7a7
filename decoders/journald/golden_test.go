package journald

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// The conversations in testdata, made by programs that take the test's sockets for
// the journal's. In the middle of a stream a line is a line, and its priority is
// not known.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "logger", Shows: "logger --journald: fields, values of several lines, a password, one entry too large for a datagram", Packets: true, Make: logged("socket", `
printf 'MESSAGE=hello world\nPRIORITY=3\nSYSLOG_IDENTIFIER=app\nREQUEST_ID=17\nDB_PASSWORD=geheim\nCODE_FILE=a.c\nCODE_LINE=5\n' | logger --journald
printf 'MESSAGE=connect token=geheim\n' | logger --journald
printf 'MESSAGE=two\nMESSAGE=lines\nPRIORITY=7\n' | logger --journald
{ printf 'PRIORITY=6\nMESSAGE='; head -c 9000000 /dev/zero | tr '\0' x; echo; } | logger --journald`)},
	{Name: "stdout", Shows: "systemd-cat: a header and lines, some with a priority of their own", Slack: -1, Make: logged("stdout", `
systemd-cat -t app -p warning sh -c 'printf "one\n<3>two password=geheim\n"; printf "no end"'`)},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }

// logged is what a shell command, in a mount namespace of its own, sends to one of
// the journal's sockets.
func logged(socket, command string) func(*testing.T) []decodertest.Conversation {
	return func(t *testing.T) []decodertest.Conversation {
		need.Root(t)
		dir := t.TempDir()
		entries := decodertest.NewListener(t, "unixgram", filepath.Join(dir, "socket"))
		lines := decodertest.NewListener(t, "unix", filepath.Join(dir, "stdout"))
		cmd := exec.Command("unshare", "-m", "sh", "-c", "mkdir -p /run/systemd/journal; mount --bind "+dir+" /run/systemd/journal\n"+command)
		out, err := cmd.CombinedOutput()
		t.Logf("%v %s", err, out)
		said := map[string]decodertest.Conversation{"socket": entries.Close(t), "stdout": lines.Close(t)}
		return []decodertest.Conversation{said[socket]}
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
