package endtoend

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A dumpLine is a line of analyze dump.
type dumpLine struct {
	Number int
	Event  string
	From   dumpEnd
	To     dumpEnd
	Kind   string
	FDs    int
	Took   int `json:"took_ns"`
}

type dumpEnd struct {
	PID   int
	Comm  string
	UID   int
	SK    string
	Inode int
	Path  string
}

func dump(t *testing.T, file string) (list []dumpLine) {
	t.Helper()
	for line := range strings.Lines(analyze(t, "dump", "--format", "jsonl", file)) {
		var d dumpLine
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

func (e *dumpEnd) text() string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return strings.Join([]string{number(e.PID), e.Comm, number(e.UID), e.SK, number(e.Inode), e.Path}, " ")
}

// fields is what the plugin says of each message, in order.
func (s shark) fields(t *testing.T, file string, args ...string) (list []string) {
	t.Helper()
	args = append(args, "-Y", "unix && frame.packet_id && !unix.close && !(unix.at > 0)", "-T", "fields", "-E", "separator=|")
	for _, f := range []string{"frame.packet_id", "unix.fds"} {
		args = append(args, "-e", f)
	}
	for _, end := range []string{"unix.", "unix.peer."} {
		for _, f := range []string{"pid", "comm", "uid", "sk", "inode", "path"} {
			args = append(args, "-e", end+f)
		}
	}
	for line := range strings.Lines(s.tshark(t, file, args...)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		number, err := strconv.ParseInt(f[0], 0, 64) // newer versions have it in hexadecimal
		if err != nil {
			t.Fatalf("%s: packet id %q", line, f[0])
		}
		for _, uid := range []*string{&f[4], &f[10]} {
			if *uid == "0" { // to analyze, what is not known is root
				*uid = ""
			}
		}
		list = append(list, fmt.Sprintf("%d %s: %s → %s", number, f[1], strings.Join(f[2:8], " "), strings.Join(f[8:], " ")))
	}
	return list
}

// The plugin's fields are what analyze reads, for every message, also of what
// Wireshark has cut out and saved again.
func (m *mixture) testPlugin(t *testing.T) {
	want := func(file string) (list []string) {
		for _, d := range dump(t, file) {
			if d.Event != "send" {
				continue
			}
			fds := ""
			if d.FDs > 0 {
				fds = strconv.Itoa(d.FDs)
			}
			list = append(list, fmt.Sprintf("%d %s: %s → %s", d.Number, fds, d.From.text(), d.To.text()))
		}
		return list
	}
	// The first packets have the descriptions; one of the server's remains for each.
	cut := filepath.Join(m.dir, "cut.pcapng")
	run(t, "tshark", "-r", m.file, "-Y", "!(tcp.flags.syn == 1) && tcp.len > 0 && !(tcp.seq == 1 && tcp.srcport >= 50000 && tcp.srcport < 55000)", "-w", cut)
	sorted := filepath.Join(m.dir, "merged.pcapng")
	run(t, "mergecap", "-w", sorted, m.file)
	for _, s := range sharks(t) {
		for _, file := range []string{m.file, cut, sorted} {
			for _, pass := range [][]string{nil, {"-2"}} {
				if d := cmp.Diff(want(file), s.fields(t, file, pass...)); d != "" {
					t.Errorf("%s, %s, %s: analyze - and Wireshark +:\n%s", s.name, filepath.Base(file), pass, d)
				}
			}
		}
		if out := s.tshark(t, m.file, "-Y", "unix.lost.expert || _ws.lua.error", "-T", "fields", "-e", "frame.number"); out != "" {
			t.Errorf("%s: packets %s", s.name, out)
		}
	}
}
