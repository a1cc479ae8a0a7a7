package endtoend

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
`

// startBus starts a D-Bus of the test's own and returns its socket.
func startBus(t *testing.T) string {
	t.Helper()
	needs(t, "dbus-daemon", "dbus-send", "dbus-monitor", "busctl", "gdbus")
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "dbus-test"), filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, busConfig, socket), 0o644); err != nil {
		t.Fatal(err)
	}
	startProgram(t, nil, "dbus-daemon", "--config-file", file, "--nofork", "--nopidfile")
	waitUntil(t, "the bus is up", func() bool {
		return exec.Command("dbus-send", "--bus=unix:path="+socket, "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId").Run() == nil
	})
	return socket
}

// startProgram starts a program that ends with the test.
func startProgram(t *testing.T, stdout *os.File, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout = stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// waitUntil waits for a condition.
func waitUntil(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

type busService struct{}

func (busService) Describe(name string, n int32) (string, *dbus.Error) {
	return fmt.Sprint(name, n), nil
}

// Take gets a file and closes it.
func (busService) Take(fd dbus.UnixFD) *dbus.Error {
	syscall.Close(int(fd))
	return nil
}

func (busService) Unlock(passphrase string) *dbus.Error {
	return dbus.NewError("org.example.Error.Wrong", []any{"not " + passphrase})
}

func dialBus(t *testing.T, socket string) *dbus.Conn {
	t.Helper()
	c, err := dbus.Connect("unix:path=" + socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// What dbus-monitor sees of a bus is what analyze finds in what record saw:
// senders, serials, destinations, members, texts, replies and errors. A file
// descriptor that was passed is known, a passphrase is not shown.
func TestDBus(t *testing.T) {
	needs(t, "tshark")
	socket := startBus(t)
	dir := t.TempDir()
	told, err := os.Create(filepath.Join(dir, "monitor.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	startProgram(t, told, "dbus-monitor", "--address", "unix:path="+socket, "--pcap")
	has := func(text string) func() bool {
		return func() bool {
			b, err := os.ReadFile(told.Name())
			return err == nil && bytes.Contains(b, []byte(text))
		}
	}
	waitUntil(t, "the monitor listens", has("NameLost"))
	file := filepath.Join(dir, "dbus.pcapng")
	rec := record(t, "-w", file, socket)
	talkDBus(t, socket)
	waitUntil(t, "the monitor has seen the last signal", has("TheEnd"))
	captured, dropped := rec.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	found := exchanges(t, file, "--proto", "dbus")
	t.Run("monitor", func(t *testing.T) { busAgrees(t, told.Name(), found) })
	t.Run("tshark", func(t *testing.T) { serialsAgree(t, file, found) })
	t.Run("descriptors", func(t *testing.T) {
		n := 0
		for i := range found {
			if found[i].Attrs["unix_fds"] != nil {
				n++
			}
		}
		if flows := analyze(t, "flows", "--format", "csv", file); n != 3 || !strings.Contains(flows, ",1,closed,") {
			t.Errorf("%d calls with a descriptor, want it on its way to the bus, to the service and to the monitor\n%s", n, flows)
		}
	})
	if strings.Contains(analyze(t, "log", "--format", "jsonl", file), "sesame") {
		t.Error("a passphrase is shown")
	}
	t.Logf("%d messages, %d exchanges", captured, len(found))
}

// talkDBus says all that is compared.
func talkDBus(t *testing.T, socket string) {
	service := dialBus(t, socket)
	if err := service.Export(busService{}, "/org/example/_31", "org.example.Service"); err != nil {
		t.Fatal(err)
	}
	if _, err := service.RequestName("org.example", 0); err != nil {
		t.Fatal(err)
	}
	client := dialBus(t, socket)
	object := client.Object("org.example", "/org/example/_31")
	done := make(chan *dbus.Call, 100)
	for i := range 50 {
		object.Go("org.example.Service.Describe", 0, done, "n\u00famber", int32(i))
	}
	for range 50 {
		<-done
	}
	object.Call("org.example.Service.Unlock", 0, "sesame")
	if err := object.Call("org.example.Service.Take", 0, dbus.UnixFD(0)).Err; err != nil {
		t.Error(err)
	}
	if err := client.AddMatchSignal(dbus.WithMatchInterface("org.example.News")); err != nil {
		t.Error(err)
	}
	if err := service.Emit("/org/example/_31", "org.example.News.Heard", "hello", "two words"); err != nil {
		t.Error(err)
	}
	address := "unix:path=" + socket
	run(t, "dbus-send", "--bus="+address, "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames")
	run(t, "busctl", "--address="+address, "call", "org.example", "/org/example/_31", "org.example.Service", "Describe", "si", "x", "7")
	for _, args := range [][]string{ // errors
		{"busctl", "--address=" + address, "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetNameOwner", "s", "no.such"},
		{"gdbus", "call", "--address", address, "--dest", "org.example", "--object-path", "/nothing", "--method", "org.example.Service.Nothing"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err == nil {
			t.Errorf("%s: %s", args, out)
		}
	}
	object.Call("org.example.Service.Describe", dbus.FlagNoReplyExpected, "no reply", int32(1))
	if err := client.Object("org.example", "/org/example/_31").Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err != nil {
		t.Error(err)
	}
	service.Close()
	client.Close()
	run(t, "gdbus", "emit", "--address", address, "--object-path", "/", "--signal", "org.example.TheEnd")
}

var simpleSignature = regexp.MustCompile(`^[sbiu]*$`)

// busAgrees compares what clients sent, and what came back, with what the
// monitor saw, as tshark reads it.
func busAgrees(t *testing.T, file string, found []exchange) {
	names := make(map[string]string) // a connection's, as the bus says it
	for i := range found {
		if n, ok := found[i].Attrs["unique_name"].(string); ok {
			names[found[i].Flow] = n
		}
	}
	got := make(map[string]int)
	for i := range found {
		x := &found[i]
		name := names[x.Flow]
		if name == "" { // a connection without Hello, which gdbus --address does not say
			name = ":not.active.yet"
		}
		if x.Client.Comm == "dbus-monitor" || x.RequestBytes == 0 || x.Attrs["caller"] != nil || x.Op != "method_call" && x.Op != "signal" {
			continue
		}
		about, path, _ := strings.Cut(x.Request, " ")
		text := ""
		if s, _ := x.Attrs["signature"].(string); simpleSignature.MatchString(s) {
			for _, a := range x.Args {
				if s, ok := a.(string); ok {
					text += s + "|"
				}
			}
		}
		if strings.HasSuffix(about, ".Unlock") {
			text = "sesame|"
		}
		got[strings.Join([]string{x.Op, name, fmt.Sprint(x.Attrs["serial"]), word(x.Attrs["destination"]), path, about, text}, " ")]++
		if x.Status == "error" || x.ResponseBytes > 0 && x.Op == "method_call" {
			got[strings.Join([]string{"reply", name, fmt.Sprint(x.Attrs["serial"]), x.ErrorCode}, " ")]++
		}
	}
	want := make(map[string]int)
	for _, f := range dbusFields(t, file) {
		kind, serial, sender, destination, path, iface, member, failure, reply, signature, text := f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10]
		if sender == "org.freedesktop.DBus" && kind == "4" {
			continue
		}
		if !simpleSignature.MatchString(signature) {
			text = ""
		}
		switch kind {
		case "1", "4":
			op := map[string]string{"1": "method_call", "4": "signal"}[kind]
			if text != "" {
				text += "|"
			}
			want[strings.Join([]string{op, sender, serial, destination, path, iface + "." + member, text}, " ")]++
		default:
			want[strings.Join([]string{"reply", destination, reply, failure}, " ")]++
		}
	}
	sameCounts(t, "messages", got, want)
}

func word(v any) string {
	s, _ := v.(string)
	return s
}

// dbusFields returns what tshark finds in a capture of D-Bus.
func dbusFields(t *testing.T, file string, args ...string) (rows [][]string) {
	t.Helper()
	list := append([]string{"-r", file, "-Y", "dbus", "-T", "fields", "-E", "aggregator=|", "-E", "occurrence=a"}, args...)
	for _, f := range []string{"message_type", "serial", "sender", "destination", "path", "interface", "member", "error_name", "reply_serial", "signature", "type.string"} {
		list = append(list, "-e", "dbus."+f)
	}
	for line := range strings.Lines(run(t, "tshark", list...)) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		rows = append(rows, append(row, make([]string, 11-len(row))...))
	}
	return rows
}

// serialsAgree has tshark read the recording itself. It needs to be told that
// this is D-Bus, and reads no direction that began with the handshake, but what
// it reads analyze has, too.
func serialsAgree(t *testing.T, file string, found []exchange) {
	got := make(map[string]bool)
	for i := range found {
		x := &found[i]
		name, _, _ := strings.Cut(x.Request, " ")
		got[fmt.Sprint(x.Attrs["serial"], " ", name[strings.LastIndexByte(name, '.')+1:])] = true
	}
	port := strings.TrimSpace(run(t, "tshark", "-r", file, "-c", "1", "-T", "fields", "-e", "tcp.dstport"))
	n := 0
	for _, f := range dbusFields(t, file, "-d", "tcp.port=="+port+",dbus") {
		serials, members := strings.Split(f[1], "|"), strings.Split(f[6], "|")
		if len(serials) != 1 || f[0] != "1" && f[0] != "4" {
			continue
		}
		n++
		if key := serials[0] + " " + members[0]; !got[key] {
			t.Errorf("tshark finds %q", key)
		}
	}
	if n < 20 {
		t.Errorf("tshark finds %d", n)
	}
}
