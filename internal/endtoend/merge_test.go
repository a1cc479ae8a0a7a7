package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Reports of parts of a capture, cut by time or by conversation, merged in
// whatever order, are the report of the whole, to the last digit.
func TestMergedReports(t *testing.T) {
	needs(t, "tshark", "editcap", "sysbench")
	m := startMariaDB(t)
	m.query("create database sbtest")
	m.sysbench("auto", "prepare")
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.pcapng")
	r := record(t, "-w", whole, m.socket)
	m.sysbench("auto", "run")
	time.Sleep(1100 * time.Millisecond)
	middle := time.Now()
	time.Sleep(1100 * time.Millisecond)
	m.sysbench("disable", "run")
	if captured, dropped := r.stop(); captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}

	at := fmt.Sprintf("%.3f", float64(middle.UnixMilli())/1000)
	early, late := filepath.Join(dir, "early.pcapng"), filepath.Join(dir, "late.pcapng")
	run(t, "editcap", "-B", at, whole, early)
	run(t, "editcap", "-A", at, whole, late)
	streams := strings.Fields(run(t, "tshark", "-r", whole, "-T", "fields", "-e", "tcp.stream"))
	var conversations []string
	for _, stream := range uniq(streams) {
		part := filepath.Join(dir, "stream"+stream+".pcapng")
		run(t, "tshark", "-r", whole, "-Y", "tcp.stream=="+stream, "-w", part)
		conversations = append([]string{part}, conversations...)
	}
	if len(conversations) < 4 {
		t.Fatalf("%d conversations", len(conversations))
	}
	for _, by := range []string{"class", "user", "process", "connection"} {
		layout := []string{"--limit", "0", "--details", "100", "--sort", "count", "--by", by}
		want := withoutPackets(analyze(t, append(append([]string{"report"}, layout...), whole)...))
		for _, parts := range [][]string{{early, late}, {late, early}, conversations} {
			args := append([]string{"merge"}, layout...)
			for _, part := range parts {
				args = append(args, part+".json")
				if _, err := os.Stat(part + ".json"); err != nil {
					analyze(t, "report", "--format", "json", "-o", part+".json", part)
				}
			}
			if got := withoutPackets(analyze(t, args...)); got != want {
				t.Errorf("by %s, %d parts:\n%s\nwant\n%s", by, len(parts), got, want)
			}
		}
	}
}

func uniq(list []string) (out []string) {
	seen := make(map[string]bool)
	for _, s := range list {
		if !seen[s] {
			seen[s], out = true, append(out, s)
		}
	}
	return out
}

// withoutPackets leaves out of a report in which file it is, and where: the
// parts have other numbers.
func withoutPackets(text string) string {
	_, text, _ = strings.Cut(text, ": ")
	return regexp.MustCompile(`packet \d+( of [^ ,]+)?, `).ReplaceAllString(text, "")
}
