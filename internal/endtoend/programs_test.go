package endtoend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"unixcap/internal/need"
)

// bin has the programs, built once.
var bin string

func TestMain(m *testing.M) {
	// By sudo, record would become the user who ran it, who can't write here.
	os.Unsetenv("SUDO_UID")
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "unixcap")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil { // also for those without privileges
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		bin = dir
		build := exec.Command("go", "build", "-o", dir, "unixcap/cmd/record", "unixcap/cmd/analyze")
		build.Stdout, build.Stderr = os.Stdout, os.Stderr
		if err := build.Run(); err != nil {
			return 1
		}
		return m.Run()
	}())
}

// needs has a test that records need root and some programs.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	need.Programs(t, programs...)
	need.Root(t)
}

// run runs a program to its end and returns its standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, filepath.Join(bin, "analyze"), args...)
}

// A recording is a record that runs.
type recording struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr bytes.Buffer
	mu     sync.Mutex // of stderr, while it runs
	ended  chan error
}

// said is what record said on standard error so far.
func (r *recording) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stderr.String()
}

// record starts to record and returns when it does.
func record(t *testing.T, args ...string) *recording {
	t.Helper()
	return recordTo(t, nil, args...)
}

// recordTo is record with another standard output.
func recordTo(t *testing.T, stdout *os.File, args ...string) *recording {
	t.Helper()
	return recordWith(t, stdout, exec.Command(filepath.Join(bin, "record"), args...))
}

// recordBy is record with a command that starts it in another way.
func recordBy(t *testing.T, cmd *exec.Cmd) *recording {
	t.Helper()
	return recordWith(t, nil, cmd)
}

func recordWith(t *testing.T, stdout *os.File, cmd *exec.Cmd) *recording {
	t.Helper()
	r := &recording{t: t, cmd: cmd, ended: make(chan error, 1)}
	r.cmd.Stdout = &r.stdout
	if stdout != nil {
		r.cmd.Stdout = stdout
	}
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	listening := make(chan bool, 1)
	go func() {
		s := bufio.NewScanner(stderr)
		for s.Scan() {
			r.mu.Lock()
			r.stderr.WriteString(s.Text() + "\n")
			r.mu.Unlock()
			if strings.Contains(s.Text(), "listening on") {
				listening <- true
			}
		}
		close(listening)
		r.ended <- r.cmd.Wait()
	}()
	if !<-listening {
		t.Fatalf("%s: %v\n%s", cmd, <-r.ended, &r.stderr)
	}
	return r
}

var closing = regexp.MustCompile(`(?m)^(\d+) packets captured\n(\d+) packets received by filter\n(\d+) packets dropped by kernel\n`)

// stop ends a recording and returns the numbers of its closing lines.
func (r *recording) stop() (captured, dropped int) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		r.t.Fatalf("record: %v\n%s", err, &r.stderr)
	}
	all := closing.FindAllStringSubmatch(r.stderr.String(), -1)
	if all == nil {
		r.t.Fatalf("no closing lines in %q", r.stderr.String())
	}
	m := all[len(all)-1] // SIGUSR1 has them too
	captured, _ = strconv.Atoi(m[1])
	received, _ := strconv.Atoi(m[2])
	dropped, _ = strconv.Atoi(m[3])
	if received != captured+dropped {
		r.t.Errorf("received %d, captured %d, dropped %d", received, captured, dropped)
	}
	return captured, dropped
}

// A party is one end of an exchange as `analyze log --format jsonl` has it.
type party struct {
	PID   int
	Comm  string
	UID   int
	SK    string
	Inode int
	Addr  string
}

// An exchange is a line of `analyze log --format jsonl`, as DESIGN promises it.
type exchange struct {
	TS            time.Time
	Flow          string
	Proto         string
	Op            string
	Request       string
	Args          []any
	Fingerprint   string
	Status        string
	ErrorCode     string `json:"error_code"`
	Error         string
	LatencyNS     int64 `json:"latency_ns"`
	DurationNS    int64 `json:"duration_ns"`
	RequestBytes  int64 `json:"request_bytes"`
	ResponseBytes int64 `json:"response_bytes"`
	Rows          int64
	Client        party
	Server        party
	Path          string
	User          string
	Database      string
	Attrs         map[string]any
}

func exchanges(t *testing.T, file string, args ...string) []exchange {
	t.Helper()
	out := analyze(t, append([]string{"log", "--format", "jsonl", file}, args...)...)
	var list []exchange
	d := json.NewDecoder(strings.NewReader(out))
	d.UseNumber() // floats as they are written
	for {
		var x exchange
		if err := d.Decode(&x); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
}

// A mariadb is a server of the test's own.
type mariadb struct {
	t      *testing.T
	socket string
	pid    int
}

func startMariaDB(t *testing.T, options ...string) *mariadb {
	t.Helper()
	needs(t, "mariadbd", "mariadb-install-db", "mariadb")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	run(t, "mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	m := &mariadb{t: t, socket: filepath.Join(dir, "mysqld.sock")}
	args := append([]string{"--no-defaults", "--user=root", "--datadir=" + data, "--socket=" + m.socket, "--skip-networking"}, options...)
	cmd := exec.Command("mariadbd", args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.pid = cmd.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	for {
		if exec.Command("mariadb-admin", "--no-defaults", "-S", m.socket, "-uroot", "ping").Run() == nil {
			return m
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("mariadbd: %v\n%s", err, &log)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (m *mariadb) client(args ...string) *exec.Cmd {
	return m.program("mariadb", append([]string{"-uroot"}, args...)...)
}

// program is one of MariaDB's that talks to the server.
func (m *mariadb) program(name string, args ...string) *exec.Cmd {
	return exec.Command(name, append([]string{"--no-defaults", "-S", m.socket}, args...)...)
}

func (m *mariadb) query(sql string) string {
	m.t.Helper()
	out, err := m.client("-N", "-B", "--raw", "--max-allowed-packet=1G", "-e", sql).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return string(out)
}

func (m *mariadb) sysbench(mode string, args ...string) {
	m.t.Helper()
	needs(m.t, "sysbench")
	run(m.t, "sysbench", append([]string{"oltp_read_write", "--mysql-socket=" + m.socket, "--mysql-user=root",
		"--tables=2", "--table-size=200", "--threads=2", "--events=60", "--time=0", "--db-ps-mode=" + mode}, args...)...)
}
