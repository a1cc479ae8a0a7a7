package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"unixcap/internal/synthetic"

	"golang.org/x/sys/unix"
)

// program returns analyze as a process of its own; see TestMain.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"analyze"}, args...)
	return cmd
}

// captureBytes returns the file of writeCapture.
func captureBytes(t *testing.T) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.pcapng")
	writeCapture(t, name, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What comes from a recording that goes on is printed as it comes, and Ctrl-C
// has the rest printed.
func TestInterrupt(t *testing.T) {
	file := captureBytes(t)
	for _, command := range []string{"log", "report"} {
		t.Run(command, func(t *testing.T) {
			cmd := program(t, command, "-")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdin, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			defer stdin.Close()
			cmd.Stdin = stdin
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// What comes after the first read is read only where Ctrl-C is heeded.
			for _, piece := range [][]byte{file[:len(file)/2], file[len(file)/2:]} { // and nothing more, but no end
				if _, err := in.Write(piece); err != nil {
					t.Fatal(err)
				}
				waitForRead(t, in)
			}
			var got []byte
			for command == "log" && !bytes.Contains(got, []byte("SELECT")) { // the header comes anyway
				piece := make([]byte, 4096)
				n, err := out.Read(piece)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, piece[:n]...)
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(out)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rest...)
			var failure *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &failure) || failure.ExitCode() != failed {
				t.Errorf("%v, want exit status %d", err, failed)
			}
			if !strings.Contains(stderr.String(), "interrupted") {
				t.Errorf("it says %q", &stderr)
			}
			if end := map[string]string{"log": "unanswered", "report": "Requests by time"}[command]; !bytes.Contains(got, []byte(end)) {
				t.Errorf("got:\n%s", got)
			}
		})
	}
}

// waitForRead waits until all that was written to a pipe has been read.
func waitForRead(t *testing.T, pipe *os.File) {
	t.Helper()
	for range 1000 {
		left, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not read")
}

// Memory does not grow with the input: neither with its length, nor with the
// number of conversations, none of which ends. docs/analyze.md has the numbers.
func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		load synthetic.Load
		most int // MiB
	}{
		{"a gigabyte", synthetic.Load{Bytes: 1e9, Conversations: 1000, Rows: 600}, 64},
		{"more conversations than are followed", synthetic.Load{Bytes: 30e6, Conversations: 120_000, Rows: 1}, 800},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := program(t, "-")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if err := c.load.Write(in); err != nil {
				t.Error(err)
			}
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10; int(got) > c.most {
				t.Errorf("%d MiB, want %d at the most", got, c.most)
			} else {
				t.Logf("%d MiB", got)
			}
		})
	}
}

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		read, total int64
		took        time.Duration
		want        string
	}{
		{50e6, 200e6, 2 * time.Second, " 25% of 200.0 MB, 7 messages, 25 MB/s, 6s left"},
		{0, 200e6, 2 * time.Second, "0.0 MB, 7 messages, 0 MB/s"},
		{30e6, 0, 2 * time.Second, "30.0 MB, 7 messages, 15 MB/s"},
	} {
		if got := progressLine(c.read, c.total, 7, c.took); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
