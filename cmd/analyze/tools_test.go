package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/internal/need"
	"unixcap/internal/synthetic"

	"github.com/google/go-cmp/cmp"
)

// What is found in a capture is found in whatever Wireshark's tools, compression and
// pipes make of it.
func TestAfterTools(t *testing.T) {
	need.Programs(t, "editcap", "mergecap", "reordercap", "tshark")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	var file bytes.Buffer
	if err := (synthetic.Load{Bytes: 400_000, Conversations: 7, Rows: 12}).Write(&file); err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(in(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("whole", file.Bytes())
	write("whole.gz", gzipped(t, file.Bytes()))
	write("whole.zst", zstandard(t, file.Bytes()))
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("editcap", "-r", "whole", "first", "1-300")
	run("editcap", "whole", "second", "1-300")
	run("mergecap", "-w", "merged", "second", "first")
	run("mergecap", "-a", "-w", "appended", "second", "first") // in the wrong order
	run("reordercap", "appended", "reordered")
	run("tshark", "-r", "whole", "-w", "again")
	run("editcap", "-F", "nsecpcap", "whole", "pcap")
	run("editcap", "-F", "nsecpcap", "merged", "merged.pcap")

	// requests lists what was asked and answered. Without comments, as in pcap, packets' numbers
	// and times are what is left besides.
	requests := func(stdin []byte, names ...string) string {
		t.Helper()
		cmd := program(t, append([]string{"log", "--format", "tsv", "--columns", "ts,op,request,status,latency_ns,rows,response_bytes"}, names...)...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", names, err, out)
		}
		return string(out)
	}
	want := requests(nil, "whole")
	if n := strings.Count(want, "\tok\t"); n < 200 {
		t.Fatalf("%d requests:\n%s", n, want)
	}
	for _, names := range [][]string{
		{"second", "first"}, {"merged"}, {"reordered"}, {"again"}, {"pcap"}, {"merged.pcap"}, {"whole.gz"}, {"whole.zst"},
	} {
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			if d := cmp.Diff(want, requests(nil, names...)); d != "" {
				t.Errorf("(- whole, + after tools):\n%s", d)
			}
		})
	}
	for _, name := range []string{"whole", "whole.gz", "whole.zst"} {
		b, err := os.ReadFile(in(name))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, requests(b, "-")); d != "" {
			t.Errorf("%s through a pipe (- file, + pipe):\n%s", name, d)
		}
	}
}
