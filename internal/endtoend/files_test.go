package endtoend

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// chatter has a client and a server talk, on a socket bound in dir, until the
// test ends. each is how many questions are asked before a pause.
func chatter(t *testing.T, dir string, each int, pause time.Duration) (path string) {
	t.Helper()
	path = filepath.Join(dir, "chatter.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1<<16)
				for {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					if _, err := c.Write(append([]byte("+"), b[:n]...)); err != nil {
						return
					}
				}
			}()
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan bool)
	go func() {
		defer close(ended)
		c, err := net.Dial("unix", path)
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 1<<16)
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := fmt.Fprintf(c, "question %d %s", i, bytes.Repeat([]byte{byte(i)}, i%900)); err != nil {
				return
			}
			if _, err := c.Read(b); err != nil {
				return
			}
			if i%each == 0 {
				time.Sleep(pause)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended; l.Close() })
	return path
}

// dumped returns the lines of `analyze dump --format jsonl`, without what
// each recording counts for itself.
func dumped(t *testing.T, names ...string) []string {
	t.Helper()
	var lines []string
	for l := range strings.Lines(analyze(t, append([]string{"dump", "--format", "jsonl"}, names...)...)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"ts", "number", "packet", "file", "took_ns", "offset"} {
			delete(m, key)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	return lines
}

// bySocket sorts dumped messages by who sent them.
func bySocket(t *testing.T, lines []string) map[string][]string {
	t.Helper()
	list := make(map[string][]string)
	for _, l := range lines {
		var m struct{ From struct{ SK string } }
		if err := json.Unmarshal([]byte(l), &m); err != nil || m.From.SK == "" {
			t.Fatalf("%v: %s", err, l)
		}
		list[m.From.SK] = append(list[m.From.SK], l)
	}
	return list
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// unpacked returns the files, those compressed in zstd unpacked: analyze and
// Wireshark's tools of today read gzip only.
func unpacked(t *testing.T, names []string) []string {
	t.Helper()
	var list []string
	for _, name := range names {
		out := filepath.Join(t.TempDir(), filepath.Base(name)+".pcapng")
		switch filepath.Ext(name) {
		case ".zst":
			run(t, "zstd", "-q", "-d", "-o", out, name)
		case ".gz":
			if err := os.WriteFile(out, []byte(run(t, "zcat", name)), 0o600); err != nil {
				t.Fatal(err)
			}
		default:
			out = name
		}
		list = append(list, out)
	}
	return list
}

// What a set has is what one file has that was written at the same time; and
// each of its files is a capture without fault.
func TestSets(t *testing.T) {
	needs(t, "capinfos", "tshark", "zstd", "zcat")
	for _, tt := range []struct {
		args  []string
		name  string
		files int
	}{
		{[]string{"-C", "20k"}, "x.pcapng", 5},
		{[]string{"-G", "1"}, "x_%s", 2},
		{[]string{"-b", "packets:100"}, "x.pcapng", 5},
		{[]string{"-b", "filesize:30", "-z", "gzip"}, "x.pcapng", 1},
		{[]string{"-C", "20k", "-z", "zstd", "-U"}, "x.pcapng", 1},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			dir := t.TempDir()
			set := filepath.Join(dir, "set")
			if err := os.Mkdir(set, 0o700); err != nil {
				t.Fatal(err)
			}
			path := chatter(t, dir, 10, 20*time.Millisecond)
			time.Sleep(50 * time.Millisecond) // it is under way
			one := filepath.Join(dir, "one.pcapng")
			all := record(t, "-w", one, path) // begins before the set and ends after it
			parts := record(t, append(tt.args, "-w", filepath.Join(set, tt.name), "-c", "1500", path)...)
			if err := <-parts.ended; err != nil {
				t.Fatalf("%v: %s", err, &parts.stderr)
			}
			time.Sleep(100 * time.Millisecond) // more than messages wait to be in order
			all.stop()
			names := unpacked(t, glob(t, set+"/*"))
			if len(names) < tt.files {
				t.Errorf("%d files", len(names))
			}
			a, b := dumped(t, one), dumped(t, names...)
			if len(b) != 1500 {
				t.Errorf("the set has %d messages", len(b))
			}
			// What two sockets send at once, two recorders need not see in the
			// same order.
			whole := bySocket(t, a)
			for sk, part := range bySocket(t, b) {
				all := whole[sk]
				first := slices.Index(all, part[0])
				if first < 0 || !slices.Equal(all[first:min(first+len(part), len(all))], part) {
					t.Errorf("of %s one file has %d messages, the set %d of them from %d on", sk, len(all), len(part), first)
				}
			}
			faultless(t, names)
		})
	}
}

// faultless has Wireshark's tools read all files, and some of them in full.
func faultless(t *testing.T, names []string) {
	t.Helper()
	runs := [][]string{append([]string{"capinfos"}, names...)}
	for _, name := range names[max(0, len(names)-3):] {
		runs = append(runs, []string{"tshark", "-n", "-q", "-r", name})
	}
	for _, args := range runs {
		cmd := exec.Command(args[0], args[1:]...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		err := cmd.Run()
		if text := strings.TrimPrefix(stderr.String(), "Running as user \"root\" and group \"root\". This could be dangerous.\n"); err != nil || text != "" {
			t.Errorf("%s: %v: %s", args[0], err, text)
		}
	}
}

// A compressed recording that is killed can be read up to its last second.
func TestKilledCompressed(t *testing.T) {
	needs(t, "tshark", "zstd", "zcat")
	for compression, unpack := range map[string]string{"zstd": "zstd -dc", "gzip": "zcat"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			path := chatter(t, dir, 1, time.Millisecond)
			r := record(t, "-z", compression, "-w", filepath.Join(dir, "x.pcapng"), path)
			time.Sleep(3500 * time.Millisecond)
			killed := time.Now()
			if err := r.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-r.ended
			name := glob(t, dir+"/x.pcapng.*")[0]
			out, _ := exec.Command("sh", "-c", unpack+" "+name+" 2>/dev/null | tshark -n -r - -T fields -e frame.time_epoch 2>/dev/null").Output()
			lines := strings.Fields(string(out))
			if len(lines) < 500 {
				t.Fatalf("%d packets", len(lines))
			}
			var last float64
			if _, err := fmt.Sscan(lines[len(lines)-1], &last); err != nil {
				t.Fatal(err)
			}
			if missing := float64(killed.UnixNano())/1e9 - last; missing > 1.8 {
				t.Errorf("the last %.1f seconds are missing", missing)
			}
		})
	}
}

// Through a pipe and to a printer with -U, a message comes when it is sent.
func TestLive(t *testing.T) {
	needs(t, "tshark")
	dir := t.TempDir()
	path := chatter(t, dir, 1, 100*time.Millisecond)
	r := exec.Command(filepath.Join(bin, "record"), "-w", "-", path)
	tshark := exec.Command("tshark", "-l", "-n", "-r", "-", "-T", "fields", "-e", "frame.time_epoch")
	var err error
	if tshark.Stdin, err = r.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	lines, err := tshark.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []*exec.Cmd{r, tshark} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
	}
	// Recording is told to end only afterwards, so these came while it went on.
	in := bufio.NewScanner(lines)
	for n := range 20 {
		if !in.Scan() {
			t.Fatalf("tshark saw %d packets while they came", n)
		}
	}
}

// The names, and when there is a next file, are the same as tcpdump's and
// dumpcap's, who record a flood of datagrams meanwhile.
func TestNamesAsOthers(t *testing.T) {
	needs(t, "tcpdump", "dumpcap")
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); conn.Close() })
	go func() {
		for b := make([]byte, 50000); ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			conn.Write(b) // nobody listens, which is an error at times
		}
	}()
	digits := regexp.MustCompile(`\d{14}`)
	ring := regexp.MustCompile(`_\d{5}_`) // they are not at the same place in it
	for _, tt := range []struct {
		program string
		args    []string
		name    string
	}{
		{"tcpdump", []string{"-C", "1"}, "x.pcap"},
		{"tcpdump", []string{"-C", "1", "-W", "2"}, "x.pcap"},
		{"tcpdump", []string{"-C", "1", "-W", "11"}, "x.pcap"},
		{"tcpdump", []string{"-G", "100", "-C", "1"}, "x_%Y-%j"},
		{"tcpdump", []string{"-G", "100", "-C", "1", "-W", "2"}, "x_%Y-%j"},
		{"tcpdump", []string{"-G", "1", "-W", "2"}, "x"},
		{"dumpcap", []string{"-b", "filesize:1000"}, "x.y.pcapng"},
		{"dumpcap", []string{"-b", "filesize:1000", "-b", "files:2"}, "x"},
		{"dumpcap", []string{"-b", "duration:1"}, "x.pcapng"},
	} {
		t.Run(strings.Join(append([]string{tt.program}, tt.args...), " "), func(t *testing.T) {
			t.Parallel() // it is mostly waiting
			theirs, ours := t.TempDir(), t.TempDir()
			other := exec.Command(tt.program, append(tt.args, "-i", "lo", "-w", filepath.Join(theirs, tt.name))...)
			if tt.program == "tcpdump" {
				other.Args = append(other.Args, "-Z", "root", "udp port 9")
			} else {
				other.Args = append(other.Args, "-q", "-f", "udp port 9")
			}
			if err := other.Start(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(ours, "socket")
			r := record(t, append(tt.args, "-w", filepath.Join(ours, tt.name), path)...)
			flood(t, path, 50000, 20*time.Millisecond, 2500*time.Millisecond)
			for _, p := range []*exec.Cmd{other, r.cmd} {
				if err := p.Process.Signal(os.Interrupt); err != nil && tt.name != "x" {
					t.Error(err)
				}
			}
			other.Wait()
			<-r.ended
			os.Remove(path)
			names := func(dir string) []string {
				var list []string
				for _, name := range glob(t, dir+"/*") {
					name = digits.ReplaceAllString(filepath.Base(name), "TIME")
					if slices.Contains(tt.args, "files:2") {
						name = ring.ReplaceAllString(name, "_N_")
					}
					list = append(list, name)
				}
				slices.SortFunc(list, byLength)
				return list
			}
			a, b := names(theirs), names(ours)
			// They did not begin together, so that one may have a file more.
			n := min(len(a), len(b))
			if n == 0 || !slices.Equal(a[:n], b[:n]) || max(len(a), len(b)) > n+3 {
				t.Errorf("%s has %v, record %v", tt.program, a, b)
			}
		})
	}
}

func byLength(a, b string) int {
	if d := len(a) - len(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// flood sends datagrams to a socket that it binds.
func flood(t *testing.T, path string, size int, pause, duration time.Duration) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(pause) {
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrUnix{Name: path}); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Read(fd, b); err != nil {
			t.Fatal(err)
		}
	}
}

// A full disk: one line, exit status 1, and what is missing is said; or on.
func TestDiskFull(t *testing.T) {
	needs(t)
	for _, onError := range []string{"stop", "continue"} {
		t.Run(onError, func(t *testing.T) {
			dir, disk := t.TempDir(), t.TempDir()
			if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
				t.Fatal(err)
			}
			defer syscall.Unmount(disk, syscall.MNT_DETACH)
			file := filepath.Join(disk, "x.pcapng")
			path := chatter(t, dir, 5, 5*time.Millisecond)
			r := record(t, "--on-error", onError, "-w", file, path)
			if onError == "continue" {
				time.Sleep(3 * time.Second)
				r.cmd.Process.Signal(os.Interrupt)
			}
			err := <-r.ended
			status := 0
			if exit, ok := err.(*exec.ExitError); ok {
				status = exit.ExitCode()
			}
			if want := map[string]int{"stop": 1, "continue": 0}[onError]; status != want {
				t.Errorf("%v, want status %d", err, want)
			}
			text := r.stderr.String()
			if strings.Count(text, "no space left on device") != 1 {
				t.Errorf("%s", text)
			}
			number := func(pattern string) (n int) {
				if m := regexp.MustCompile(`(?m)^` + pattern).FindStringSubmatch(text); m != nil {
					fmt.Sscan(m[1], &n)
				}
				return n
			}
			captured, lost := number(`(\d+) packets captured`), number(`  disk: could not be written: (\d+) packets, [1-9]`)
			if lost == 0 || number(`(\d+) packets received`) != captured+number(`(\d+) packets dropped`)+lost {
				t.Errorf("%s", text)
			}
			if n := len(dumped(t, file)); n != captured {
				t.Errorf("%d messages in the file, %d captured", n, captured)
			}
		})
	}
}
