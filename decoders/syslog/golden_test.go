package syslog

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"unixcap/decoders/decodertest"
)

// The conversations in testdata, sent by shell commands to $SOCKET.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "logger", Shows: "logger: facilities and severities, tags, passwords, a long message; python's SysLogHandler", Packets: true, Make: sent("unixgram", `
logger -u $SOCKET -t app -p auth.err 'user 17 failed'
logger -u $SOCKET -t app --id=4711 -p local7.debug 'password=geheim for "joe"'
logger -u $SOCKET -p kern.emerg --  '[x] no: tag'
logger -u $SOCKET -t long "$(printf '%0900d' 0)"
python3 -c 'import logging, logging.handlers as h; l = logging.getLogger(); l.addHandler(h.SysLogHandler("'$SOCKET'")); l.error("without time"); l.warning("J\u00f6rg: two\nlines")'`)},
	{Name: "rfc5424", Shows: "logger --rfc5424: structured data, message ids, none of it", Packets: true, Make: sent("unixgram", `
logger -u $SOCKET --rfc5424 -t app --id=42 -p daemon.info --msgid M1 --sd-id 'ex@32473' --sd-param 'a="1"' --sd-param 'token="geheim"' 'hello world'
logger -u $SOCKET --rfc5424=notime,nohost -t app 'no time'
logger -u $SOCKET --rfc5424=notq -t app 'no time quality'`)},
	{Name: "counted", Shows: "logger --octet-count: RFC 6587, section 3.4.1", Slack: 1, Make: sent("unix", `
logger -u $SOCKET --octet-count --rfc5424 -t app 'one'
logger -u $SOCKET --octet-count -t app -p local0.notice 'two
lines'`)},
	{Name: "lines", Shows: "lines in a stream, ended by a line feed or a zero byte", Slack: 1, Make: sent("unix", `
{ printf '<13>Nov 24 10:00:00 app[1]: one\n<14>Nov 24 10:00:01 host app: two\000'; sleep 0.1; printf '<15>1 2026-11-24T10:00:02Z h a - - - three\n1st line without priority\n'; } | socat - UNIX-CONNECT:$SOCKET`)},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }

// sent is what a shell command sends to $SOCKET.
func sent(network, command string) func(*testing.T) []decodertest.Conversation {
	return func(t *testing.T) []decodertest.Conversation {
		l := decodertest.NewListener(t, network, filepath.Join(t.TempDir(), "log.sock"))
		cmd := exec.Command("sh", "-c", command)
		cmd.Env = append(os.Environ(), "SOCKET="+l.Path)
		out, err := cmd.CombinedOutput()
		t.Logf("%v %s", err, out)
		return []decodertest.Conversation{l.Close(t)}
	}
}

// Every message is what go-syslog takes it for.
func TestLibrary(t *testing.T) {
	n := 0
	for _, r := range golden.Recordings {
		if !r.Packets {
			continue
		}
		for _, m := range r.Read(t) {
			var got message
			got.read(m.Data)
			if got.rfc5424 {
				agrees5424(t, m.Data, &got)
				n++
			} else if len(got.timestamp) > 0 {
				agrees3164(t, m.Data, &got)
				n++
			}
		}
	}
	for _, s := range []string{
		`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"] An application event`,
		`<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed`,
		`<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.`,
		`<0>1 - - - - - -`, `<191>1 2003-10-11T22:14:15Z - - - - [a b="c\"\]d"] x`,
	} {
		var got message
		if got.read([]byte(s)); !got.rfc5424 {
			t.Errorf("%s: not RFC 5424", s)
		}
		agrees5424(t, []byte(s), &got)
		n++
	}
	if n < 10 {
		t.Errorf("%d messages", n)
	}
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func agrees5424(t *testing.T, b []byte, got *message) {
	t.Helper()
	parsed, err := rfc5424.NewParser().Parse(b)
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	want := parsed.(*rfc5424.SyslogMessage)
	same(t, b, [][2]string{
		{fmt.Sprint(got.priority), fmt.Sprint(*want.Priority)}, {string(got.hostname), text(want.Hostname)}, {string(got.app), text(want.Appname)},
		{string(got.pid), text(want.ProcID)}, {string(got.id), text(want.MsgID)}, {string(got.text), text(want.Message)},
	})
	if (want.StructuredData == nil) != (len(got.data) == 0) {
		t.Errorf("%q: structured data %q", b, got.data)
	}
}

// agrees3164 gives the library the host's name that it wants and that is not
// there in what is sent to a local socket.
func agrees3164(t *testing.T, b []byte, got *message) {
	t.Helper()
	if len(got.hostname) > 0 || len(got.app) == 0 {
		return
	}
	i := len(b) - len(got.text)
	for i > 0 && b[i-1] != '>' {
		i--
	}
	whole := fmt.Sprintf("%s%s host %s", b[:i], got.timestamp, b[i+len(got.timestamp)+1:])
	parsed, err := rfc3164.NewParser().Parse([]byte(whole))
	if err != nil {
		t.Fatalf("%q: %v", whole, err)
	}
	want := parsed.(*rfc3164.SyslogMessage)
	same(t, b, [][2]string{
		{fmt.Sprint(got.priority), fmt.Sprint(*want.Priority)}, {string(got.app), text(want.Appname)}, {string(got.pid), text(want.ProcID)},
		{string(got.text), text(want.Message)},
	})
}

func same(t *testing.T, b []byte, pairs [][2]string) {
	t.Helper()
	for _, p := range pairs {
		if p[0] != p[1] {
			t.Errorf("%.200q: %q, the library has %q", b, p[0], p[1])
		}
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<13>Nov 24 10:00:00 app[1]: x", "13 app 1  x"},
		{"<13>Nov  4 10:00:00 host app[1]: x", "13 app 1 host x"},
		{"<13>Nov 24 10:00:00 just words: here", "13 words  just here"},
		{"<13>Nov 24 10:00:00 three more words", "13    three more words"},
		{"<30>2026-11-24T10:00:00.123+01:00 h systemd[1]: Started", "30 systemd 1 h Started"},
		{"no priority", "13    no priority"},
		{"<192>x: y", "13    <192>x: y"},
		{"<013>x: y", "13    <013>x: y"},
		{"<7>time 10:20: x", "7    time 10:20: x"},
		{"<7>a:b", "7    a:b"},
		{"<7>x[", "7    x["},
		{"<", "13    <"},
	} {
		var m message
		m.read([]byte(c.in))
		if got := fmt.Sprintf("%d %s %s %s %s", m.priority, m.app, m.pid, m.hostname, m.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.in, got, c.want)
		}
	}
}

func BenchmarkLogger(b *testing.B) {
	var c decodertest.Conversation
	for i := range 1000 {
		c = append(c, decodertest.Message{Data: fmt.Appendf(nil, "<38>Nov 24 10:00:%02d sshd[%d]: Accepted publickey for root from 10.0.%d.1 port %d ssh2: RSA SHA256:abcdefghijklmnopqrstuvwxyz", i%60, 1000+i, i%256, 40000+i)})
	}
	decodertest.Benchmark(b, decodertest.Packets(Protocol), c)
}

func BenchmarkStream(b *testing.B) {
	var all []byte
	for i := range 1000 {
		all = fmt.Appendf(all, "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID%d [exampleSDID@32473 iut=\"3\" eventSource=\"Application\"] An application event %d\n", i, i)
	}
	decodertest.Benchmark(b, Protocol, decodertest.Conversation{{Data: all}})
}
