package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// startJournal starts a journald of the test's own: a namespace, which has sockets and a
// store of its own. It returns the folder of the sockets and its name.
func startJournal(t *testing.T) (dir, namespace string) {
	t.Helper()
	needs(t, "logger", "systemd-cat", "journalctl", "unshare")
	const daemon = "/lib/systemd/systemd-journald"
	needs(t, daemon)
	namespace = fmt.Sprint("unixcap-", os.Getpid())
	dir = "/run/systemd/journal." + namespace
	t.Cleanup(func() { // after it has ended
		os.RemoveAll(dir)
		for _, parent := range []string{"/run/log/journal", "/var/log/journal"} {
			all, _ := filepath.Glob(filepath.Join(parent, "*."+namespace))
			for _, store := range all {
				os.RemoveAll(store)
			}
		}
	})
	// Programs look for the sockets here. Tests mount theirs on it, where nobody else sees it.
	if err := os.MkdirAll("/run/systemd/journal", 0o755); err != nil {
		t.Fatal(err)
	}
	startProgram(t, nil, daemon, namespace)
	waitUntil(t, "journald has its sockets", func() bool {
		for _, s := range []string{"socket", "stdout", "dev-log"} {
			if _, err := os.Stat(filepath.Join(dir, s)); err != nil {
				return false
			}
		}
		return true
	})
	return dir, namespace
}

// talkLog logs in all ways; inside, the sockets are where programs look for
// them. The last message is told apart by its text.
const talkLog = `set -e
mount --bind "$1" /run/systemd/journal
for i in 1 2 3 4 5 6 7 8 9 10; do logger -u /run/systemd/journal/dev-log -t app-$i --id=$((4000+i)) -p local$((i%8)).$2 "message $i of ten"; done
logger -u /run/systemd/journal/dev-log -p auth.err -t sshd 'Failed for root: password=sesame'
logger -u /run/systemd/journal/dev-log --rfc5424 -t five -p daemon.notice --msgid M1 --sd-id 'x@1' --sd-param 'a="b"' 'in the new form'
printf 'MESSAGE=native\nPRIORITY=3\nSYSLOG_IDENTIFIER=nat\nREQUEST_ID=17\nCODE_FILE=a.c\n' | logger --journald
printf 'MESSAGE=two\nMESSAGE=lines\nPRIORITY=7\nSYSLOG_IDENTIFIER=nat\n' | logger --journald
{ printf 'SYSLOG_IDENTIFIER=large\nPRIORITY=6\nMESSAGE='; head -c 9000000 /dev/zero | tr '\0' x; echo; } | logger --journald
systemd-cat -t cat -p warning sh -c 'echo line one; echo "<2>line two"'
printf 'MESSAGE=the end\nPRIORITY=5\nSYSLOG_IDENTIFIER=end\n' | logger --journald
`

// What analyze finds of what record saw on the way to a journald is what its own
// store has: priority, identifier, text, and a field of the program's own. Only
// what was passed as a file is not seen, and is known to be.
func TestJournal(t *testing.T) {
	needs(t, "tshark")
	dir, namespace := startJournal(t)
	file := filepath.Join(t.TempDir(), "log.pcapng")
	rec := record(t, "-w", file, dir+"/*")
	cmd := exec.Command("unshare", "-m", "sh", "-c", talkLog, "sh", dir, "warning")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	store := func() string {
		exec.Command("journalctl", "--namespace="+namespace, "--sync").Run() // without systemd it may not know how
		out, _ := exec.Command("journalctl", "--namespace="+namespace, "-o", "json", "--all", "-q").Output()
		return string(out)
	}
	waitUntil(t, "journald has it all", func() bool { return strings.Contains(store(), `"the end"`) && strings.Contains(store(), "line two") })
	if _, dropped := rec.stop(); dropped != 0 {
		t.Fatalf("dropped %d", dropped)
	}
	found := slices.DeleteFunc(exchanges(t, file), func(x exchange) bool { return x.Proto == "json" }) // journalctl --sync
	t.Run("store", func(t *testing.T) { journalAgrees(t, store(), found) })
	t.Run("tshark", func(t *testing.T) { syslogAgrees(t, file, found) })
	if strings.Contains(analyze(t, "log", "--format", "jsonl", file), "sesame") {
		t.Error("a password is shown")
	}
	for i := range found {
		if found[i].Status != "ok" {
			t.Errorf("%+v", found[i])
		}
	}
}

var logPriorities = map[string]string{"emerg": "0", "alert": "1", "crit": "2", "err": "3", "warning": "4", "notice": "5", "info": "6", "debug": "7"}

// journalAgrees compares priority, identifier, text and what the program itself added.
func journalAgrees(t *testing.T, store string, found []exchange) {
	got, want := make(map[string]int), make(map[string]int)
	described, large, recent := 0, 0, 0
	for i := range found {
		x := &found[i]
		if x.Attrs["in_descriptor"] != nil {
			described++
			continue
		}
		op := x.Op[strings.LastIndexByte(x.Op, '.')+1:]
		id, text, _ := strings.Cut(x.Request, ": ")
		if x.Attrs["app_name"] == nil && x.Proto == "syslog" {
			id, text = "", x.Request
		}
		text = strings.ReplaceAll(text, "<secret>", "sesame")
		if x.Attrs["format"] == "rfc5424" { // which journald does not know: it takes the whole for text
			recent++
			if !strings.Contains(store, text+`"`) {
				t.Errorf("journald does not have %q", text)
			}
			continue
		}
		got[fmt.Sprintf("%s %s %q %v", logPriorities[op], id, text, x.Attrs["request_id"])]++
	}
	d := json.NewDecoder(strings.NewReader(store))
	for d.More() {
		var e map[string]any
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e["_TRANSPORT"] == "driver" || e["SYSLOG_IDENTIFIER"] == "systemd-journald" {
			continue
		}
		text, _ := e["MESSAGE"].(string)
		if strings.HasPrefix(text, "1 20") {
			recent--
			continue
		}
		if len(text) > 1<<20 || e["SYSLOG_IDENTIFIER"] == "large" {
			large++
			continue
		}
		want[fmt.Sprintf("%s %s %q %v", e["PRIORITY"], word(e["SYSLOG_IDENTIFIER"]), text, e["REQUEST_ID"])]++
	}
	sameCounts(t, "logged", got, want)
	if recent != 0 {
		t.Errorf("%d more of RFC 5424 than journald has", recent)
	}
	if described != 1 || large != 1 {
		t.Errorf("%d entries in a descriptor, journald has %d", described, large)
	}
}

// syslogAgrees compares facility, severity and text with tshark's, which knows
// the dissector by the port.
func syslogAgrees(t *testing.T, file string, found []exchange) {
	got, want := make(map[string]int), make(map[string]int)
	for i := range found {
		if x := &found[i]; x.Proto == "syslog" {
			text := x.Request[strings.Index(x.Request, ": ")+2:]
			got[x.Op+" "+strings.ReplaceAll(text, "<secret>", "sesame")]++
		}
	}
	facilities := []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	severities := []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	out := run(t, "tshark", "-r", file, "-Y", "syslog", "-T", "fields", "-e", "syslog.facility", "-e", "syslog.level", "-e", "syslog.msg")
	for line := range strings.Lines(out) {
		var f, l int
		row := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		fmt.Sscan(row[0], &f)
		fmt.Sscan(row[1], &l)
		text := row[2]
		if i := strings.LastIndex(text, "]: "); i >= 0 { // tshark leaves the program in it
			text = text[i+3:]
		} else if i := strings.Index(text, ": "); i >= 0 {
			text = text[i+2:]
		} else if i := strings.LastIndex(text, "] "); i >= 0 {
			text = text[i+2:]
		}
		want[facilities[f]+"."+severities[l]+" "+text]++
	}
	sameCounts(t, "syslog", got, want)
}

// A service's states come out as it told them, with the descriptors that it
// stored.
func TestNotify(t *testing.T) {
	needs(t, "systemd-notify", "python3")
	socket := filepath.Join(t.TempDir(), "notify.sock")
	const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(repr(socket.recv_fds(s, 4096, 8)[0].decode()), flush=True)
`
	heard, err := os.Create(filepath.Join(t.TempDir(), "heard"))
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	startProgram(t, heard, "python3", "-c", receiver, socket)
	waitUntil(t, "the receiver is up", func() bool { _, err := os.Stat(socket); return err == nil })
	file := filepath.Join(t.TempDir(), "notify.pcapng")
	rec := record(t, "-w", file, socket)
	const store = `import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(sys.argv[1]); socket.send_fds(s, [b"FDSTORE=1\nFDNAME=x"], [0, 0])`
	said := []string{"READY=1\nSTATUS=Up and running", "WATCHDOG=1", "RELOADING=1\nMONOTONIC_USEC=5", "STOPPING=1\nERRNO=5\nSTATUS=Disk failed"}
	for _, s := range said {
		cmd := exec.Command("systemd-notify", append([]string{"--no-block"}, strings.Split(s, "\n")...)...)
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	run(t, "python3", "-c", store, socket)
	waitUntil(t, "all was received", func() bool { b, _ := os.ReadFile(heard.Name()); return strings.Count(string(b), "\n") >= len(said)+1 })
	rec.stop()
	ops, errors := map[string]int{}, 0
	texts := ""
	for _, x := range exchanges(t, file, "--proto", "sdnotify") {
		ops[x.Op]++
		texts += fmt.Sprintf("'%s'\n", strings.ReplaceAll(x.Request, "\n", `\n`))
		if x.Status == "error" && x.ErrorCode == "5" {
			errors++
		}
		if x.Op == "fdstore" && fmt.Sprint(x.Attrs["fds"]) != "2" {
			t.Errorf("%+v", x)
		}
	}
	b, err := os.ReadFile(heard.Name())
	if err != nil {
		t.Fatal(err)
	}
	if texts != strings.ReplaceAll(string(b), `\n'`, "'") {
		t.Errorf("got\n%s\nthe receiver has\n%s", texts, b)
	}
	if ops["ready"] != 1 || ops["watchdog"] != 1 || ops["reloading"] != 1 || ops["stopping"] != 1 || ops["fdstore"] != 1 || errors != 1 {
		t.Errorf("%v, %d errors", ops, errors)
	}
}
