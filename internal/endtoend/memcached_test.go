package endtoend

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startMemcached starts a server that says on log what it is asked.
func startMemcached(t *testing.T) (socket string, log *lockedText) {
	t.Helper()
	needs(t, "memcached", "tshark")
	socket = filepath.Join(t.TempDir(), "memcached.sock")
	log = new(lockedText)
	cmd := exec.Command("memcached", "-s", socket, "-u", "root", "-t", "1", "-vv")
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	awaitSocket(t, socket, ended)
	return socket, log
}

// A lockedText is what a program writes while it is read.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// memtier loads a server as memtier_benchmark does: connections that send a
// pipeline of one set to ten gets, of keys at random, and wait for all answers.
func memtier(t *testing.T, socket string, connections, rounds, depth int) {
	t.Helper()
	var all sync.WaitGroup
	for n := range connections {
		all.Go(func() {
			c, err := net.Dial("unix", socket)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			answers := bufio.NewReader(c)
			for i := range rounds {
				var commands []byte
				ends := 0
				for k := range depth {
					key := (n*7919 + i*104729 + k*31) % 500
					if (i+k)%11 == 0 {
						commands = fmt.Appendf(commands, "set memtier-%d 0 0 32\r\n%032d\r\n", key, key)
					} else {
						commands = fmt.Appendf(commands, "get memtier-%d\r\n", key)
					}
					ends++
				}
				if _, err := c.Write(commands); err != nil {
					t.Error(err)
					return
				}
				for ends > 0 {
					line, err := answers.ReadString('\n')
					if err != nil {
						t.Error(err)
						return
					}
					if line == "END\r\n" || line == "STORED\r\n" {
						ends--
					}
				}
			}
		})
	}
	all.Wait()
}

// memcached's own log and statistics, and tshark, have the commands and results
// that analyze finds in what record saw of a load and of all kinds of commands.
func TestMemcached(t *testing.T) {
	socket, log := startMemcached(t)
	file := filepath.Join(t.TempDir(), "memcached.pcapng")
	rec := record(t, "-w", file, socket)
	memtier(t, socket, 4, 50, 10)
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for _, command := range []string{"set a 0 0 1\r\n5", "incr a 2", "decr b 1", "delete a", "delete a", "touch memtier-1 100", "cas b 0 0 1 1\r\nx",
		"add b 0 0 1\r\nx", "add b 0 0 1\r\nx", "append b 0 0 1\r\nx", "nonsense", "incr b 1", "version", "verbosity 2", "flush_all"} {
		if _, err := io.WriteString(c, command+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	statistics := make(map[string]string)
	if _, err := io.WriteString(c, "stats\r\n"); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(line)
		if f[0] == "END" {
			break
		}
		statistics[f[1]] = f[2]
	}
	captured, dropped := rec.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	found := exchanges(t, file, "--proto", "memcached")
	t.Run("log", func(t *testing.T) { memcachedLogAgrees(t, log, found) })
	t.Run("stats", func(t *testing.T) { memcachedStatsAgree(t, statistics, found) })
	t.Run("tshark", func(t *testing.T) { tsharkMemcacheAgrees(t, file, found) })
	t.Logf("%d messages, %d exchanges", captured, len(found))
}

// memcachedHeard is what the server heard: "<27 get memtier-1".
var memcachedHeard = regexp.MustCompile(`(?m)^<\d+ ([a-z].*)$`)

// memcachedLogAgrees compares the texts of all commands.
func memcachedLogAgrees(t *testing.T, log *lockedText, found []exchange) {
	got, want := make(map[string]int), make(map[string]int)
	for i := range found {
		got[found[i].Request]++
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		clear(want)
		for _, m := range memcachedHeard.FindAllStringSubmatch(log.String(), -1) {
			if !strings.HasPrefix(m[1], "server listening ") && !strings.HasPrefix(m[1], "new ") && !strings.HasPrefix(m[1], "connection ") {
				want[m[1]]++
			}
		}
		if want["stats"] == 1 || time.Now().After(deadline) {
			break
		}
	}
	sameCounts(t, "commands", got, want)
}

// memcachedStatsAgree compares what the server counted.
func memcachedStatsAgree(t *testing.T, statistics map[string]string, found []exchange) {
	got := make(map[string]int)
	for i := range found {
		x := &found[i]
		result, _ := x.Attrs["result"].(string)
		switch x.Op {
		case "get":
			got["cmd_get"]++
			got["get_hits"] += int(x.Rows)
		case "set", "add", "append", "cas":
			got["cmd_set"]++
		case "delete":
			got["delete_"+map[string]string{"DELETED": "hits", "NOT_FOUND": "misses"}[result]]++
		case "touch":
			got["cmd_touch"]++
		case "flush_all":
			got["cmd_flush"]++
		case "decr":
			got["decr_misses"]++
		}
	}
	want := make(map[string]int)
	for key := range got {
		n, err := strconv.Atoi(statistics[key])
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		want[key] = n
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, the server counted %v", got, want)
	}
	t.Logf("%v", want)
}

// tsharkMemcacheAgrees compares the commands. Wireshark's dissector looks at the
// first one of a packet only, and knows neither touch nor verbosity.
func tsharkMemcacheAgrees(t *testing.T, file string, found []exchange) {
	out := run(t, "tshark", "-r", file, "-Y", "memcache.command", "-T", "fields", "-E", "occurrence=f", "-e", "memcache.command")
	got, want := make(map[string]int), make(map[string]int)
	for op := range strings.FieldsSeq(out) {
		if op != "STAT" { // an answer's
			want[op]++
		}
	}
	first := make(map[string]bool)
	for i := range found {
		x := &found[i]
		at := x.Flow + x.TS.String()
		if !first[at] && x.Op != "touch" && x.Op != "verbosity" && x.Op != "unknown" {
			got[x.Op]++
		}
		first[at] = true
	}
	sameCounts(t, "first commands", got, want)
}
