package sdnotify

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// The conversations in testdata.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "service", Shows: "a service's life as systemd-notify tells it, a descriptor stored, a failure", Packets: true, Make: told},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }

// told is what a service tells its manager.
func told(t *testing.T) []decodertest.Conversation {
	l := decodertest.NewListener(t, "unixgram", filepath.Join(t.TempDir(), "notify.sock"))
	cmd := exec.Command("sh", "-c", `systemd-notify --no-block --ready --status="Serving 17 clients"
systemd-notify --no-block WATCHDOG=1
systemd-notify --no-block --status="token=geheim accepted"
systemd-notify --no-block RELOADING=1 MONOTONIC_USEC=123456
systemd-notify --no-block MAINPID=4711
systemd-notify --no-block STOPPING=1 ERRNO=2 "STATUS=Failed: no such file"`)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+l.Path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	store(t, l.Path)
	return []decodertest.Conversation{l.Close(t)}
}

// store passes a descriptor, as sd_pid_notify_with_fds does it.
func store(t *testing.T, path string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Sendmsg(fd, []byte("FDSTORE=1\nFDNAME=cache"), syscall.UnixRights(0, 2), &syscall.SockaddrUnix{Name: path}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]decoders.Verdict{
		"READY=1": decoders.Yes, "READY=1\nSTATUS=x": decoders.Yes, "STATUS=a b": decoders.Yes, "": decoders.Maybe,
		"ERRNO=2": decoders.No, "MESSAGE=x": decoders.No, "READY=": decoders.No, "READY=\x00": decoders.No, "PATH=/bin": decoders.No,
	} {
		if got := detect([]byte(text), nil, true); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestFingerprint(t *testing.T) {
	for request, want := range map[string]string{
		"READY=1\nSTATUS=Serving 17 clients": "READY=1 STATUS=?", "MAINPID=4711": "MAINPID=?", "WATCHDOG=trigger": "WATCHDOG=trigger", "x": "",
	} {
		if got := string(appendFingerprint(nil, []byte(request))); got != want {
			t.Errorf("%q: %q", request, got)
		}
	}
}

func BenchmarkStatus(b *testing.B) {
	var c decodertest.Conversation
	for range 1000 {
		c = append(c, decodertest.Message{Data: []byte("READY=1\nSTATUS=Processing requests: 1042 done, 17 waiting, 3 failed since 10:00\nWATCHDOG=1\nMAINPID=4711\n")})
	}
	decodertest.Benchmark(b, decodertest.Packets(Protocol), c)
}
