package endtoend

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"unixcap/internal/capture"

	"github.com/creack/pty"
)

// A screen is what a terminal shows of all that was written to it, and every
// line that it ever showed.
type screen struct {
	mu     sync.Mutex
	t      *testing.T
	lines  [][]rune
	column int
	seen   []string
	width  int
	master *os.File
}

// run takes what is written until the terminal is closed.
func (s *screen) run(from io.Reader) {
	in := bufio.NewReader(from)
	for {
		r, _, err := in.ReadRune()
		if err != nil { // EIO: the other side is closed
			return
		}
		escape := ""
		if r == '\x1b' {
			escape = "\x1b"
			for !strings.HasSuffix(escape, "K") && len(escape) < 8 {
				c, _, err := in.ReadRune()
				if err != nil {
					return
				}
				escape += string(c)
			}
		}
		s.mu.Lock()
		s.put(r, escape)
		s.mu.Unlock()
	}
}

func (s *screen) put(r rune, escape string) {
	if len(s.lines) == 0 {
		s.lines = [][]rune{nil}
	}
	last := &s.lines[len(s.lines)-1]
	switch {
	case escape == "\x1b[K":
		*last = (*last)[:min(s.column, len(*last))]
		s.seen = append(s.seen, string(*last))
		if len(*last) >= s.width {
			s.t.Errorf("reaches the last of %d columns: %q", s.width, string(*last))
		}
	case escape != "":
		s.t.Errorf("escape sequence %q", escape)
	case r == '\r':
		s.column = 0
	case r == '\n':
		s.seen = append(s.seen, string(*last))
		s.lines = append(s.lines, nil)
		s.column = 0
	default:
		if s.column < len(*last) {
			(*last)[s.column] = r
		} else {
			*last = append(*last, r)
		}
		s.column++
	}
}

// shown is what there is now, and all lines that there ever were.
func (s *screen) shown() (now string, ever []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		now += string(l) + "\n"
	}
	return now, s.seen
}

// recordOn starts to record with a terminal of so many columns as standard
// error, and as standard output if that is nil.
func recordOn(t *testing.T, columns int, stdout *os.File, args ...string) (*recording, *screen) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, width: columns, master: master}
	ended := make(chan bool)
	go func() { defer close(ended); s.run(master) }()
	r := &recording{t: t, cmd: exec.Command(filepath.Join(bin, "record"), args...), ended: make(chan error, 1)}
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = slave, stdout, slave
	if stdout == nil {
		r.cmd.Stdout = slave
	}
	r.cmd.Env = append(os.Environ(), "TERM=xterm")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() { r.cmd.Process.Kill(); master.Close() })
	go func() {
		err := r.cmd.Wait()
		<-ended
		r.ended <- err
	}()
	until(t, "listening", func() bool { now, _ := s.shown(); return strings.Contains(now, "listening on") })
	return r, s
}

var statusLine = regexp.MustCompile(`^\S+ packets  \S+B  \S+/s  0 lost  buffer \d+%`)

// statuses are the status lines among some lines.
func statuses(lines []string) []string {
	var list []string
	for _, l := range lines {
		if statusLine.MatchString(l) {
			list = append(list, l)
		}
	}
	return list
}

// On a terminal there is a line that says how it goes, that never wraps, and of
// which nothing is left.
func TestStatusLine(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	path := chatter(t, dir, 10, time.Millisecond)
	file := filepath.Join(dir, strings.Repeat("long", 20)+".pcapng")
	for _, columns := range []int{200, 80, 60} {
		r, s := recordOn(t, columns, nil, "-w", file, filepath.Base(path))
		until(t, "two status lines", func() bool { _, ever := s.shown(); return len(statuses(ever)) >= 2 })
		now, ever := s.shown()
		if strings.Count(now, " packets  ") != 1 {
			t.Errorf("%s", now)
		}
		last := statuses(ever)[1]
		if strings.HasPrefix(last, "0 packets") || columns > 160 && !strings.HasSuffix(last, filepath.Base(file)) || columns < 160 && utf8.RuneCountInString(last) != columns-1 {
			t.Errorf("%d columns: %q", columns, last)
		}
		r.signal(syscall.SIGUSR1) // what else is said stands on lines of its own
		until(t, "statistics", func() bool { now, _ := s.shown(); return closing.MatchString(now) })
		r.signal(os.Interrupt)
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		now, _ = s.shown()
		if strings.Contains(now, " packets  ") || len(closing.FindAllString(now, -1)) != 2 {
			t.Errorf("at the end: %s", now)
		}
	}
}

// Where it would be in the way there is none.
func TestNoStatusLine(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	path := chatter(t, dir, 10, time.Millisecond)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"quiet", []string{"-q", "-w", in("quiet")}},
		{"printing on the terminal", []string{"-s", "1", "--format", "text"}},
		{"a command has the terminal", []string{"-w", in("command"), "--", "sleep", "2.5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--duration", "2.5", path}, tt.args...)
			r, s := recordOn(t, 4000, nil, args...)
			if err := <-r.ended; err != nil {
				t.Error(err)
			}
			now, ever := s.shown()
			if list := statuses(append(ever, strings.Split(now, "\n")...)); len(list) > 0 || !closing.MatchString(now) {
				t.Errorf("%q", list)
			}
		})
	}
	t.Run("messages go elsewhere", func(t *testing.T) {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		r, s := recordOn(t, 80, null, path)
		until(t, "a status line", func() bool { _, ever := s.shown(); return len(statuses(ever)) >= 1 })
		r.signal(os.Interrupt)
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
	})
}

// A terminal that is closed ends the recording regularly: nobody could end it
// any more.
func TestTerminalGone(t *testing.T) {
	needs(t, "capinfos")
	dir := t.TempDir()
	path := chatter(t, dir, 10, time.Millisecond)
	file := filepath.Join(dir, "x.pcapng")
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "record"), "-w", file, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	if _, err := bufio.NewReader(master).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // so that there is something to see
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) && !exit.Exited() {
		t.Errorf("%v", err)
	}
	// It has its statistics, so it was closed.
	if out := run(t, "capinfos", file); !strings.Contains(out, "Number of packets") {
		t.Errorf("%s", out)
	}
	if len(dumped(t, file)) == 0 {
		t.Error("nothing was recorded")
	}
}

// A terminal that takes nothing, as after Ctrl-S, does not keep the file from
// being complete.
func TestTerminalStopped(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	path := chatter(t, dir, 10, time.Millisecond)
	file := filepath.Join(dir, "x.pcapng")
	r, s := recordOn(t, 80, nil, "-w", file, path)
	until(t, "a status line", func() bool { _, ever := s.shown(); return len(statuses(ever)) >= 1 })
	if _, err := s.master.Write([]byte{'S' & 0x1f}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // until there would be another status line
	r.signal(syscall.SIGTERM)
	until(t, "statistics at the end of the file", func() bool {
		f, err := os.Open(file)
		if err != nil {
			return false
		}
		defer f.Close()
		in, err := capture.NewReader(f, capture.ReaderOptions{})
		if err != nil {
			return false
		}
		for err == nil {
			_, err = in.Next()
		}
		return in.Stats().Interfaces[capture.Stream].Delivered > 0
	})
	if _, err := s.master.Write([]byte{'Q' & 0x1f}); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if now, _ := s.shown(); !closing.MatchString(now) {
		t.Errorf("%s", now)
	}
}
