package postgresql

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// A testServer is a PostgreSQL server of our own behind a proxy that records.
type testServer struct {
	dir   string
	proxy *decodertest.Proxy
	cmd   *exec.Cmd
}

var theServer struct {
	once sync.Once
	s    *testServer
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if s := theServer.s; s != nil {
		s.stop()
	}
	os.Exit(code)
}

// server returns the server, which is started for the first test that needs
// it.
func server(t *testing.T) *testServer {
	t.Helper()
	if programs() == "" {
		need.Missing(t, "postgresql")
	}
	need.Root(t) // to become the server's user
	theServer.once.Do(func() { theServer.s, theServer.err = startServer() })
	if theServer.err != nil {
		t.Fatal(theServer.err)
	}
	return theServer.s
}

// programs is the folder of a server that is installed, "" if there is none.
func programs() string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian has it in no PATH
	if err == nil && len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}

// as makes a command run as the user postgres: the server refuses root.
func as(cmd *exec.Cmd) (*exec.Cmd, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		Pdeathsig:  syscall.SIGKILL,
	}
	return cmd, nil
}

func startServer() (*testServer, error) {
	dir, err := os.MkdirTemp("", "unixcap-postgresql")
	if err != nil {
		return nil, err
	}
	s := &testServer{dir: dir}
	if err := os.Chmod(dir, 0o777); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb, err := as(exec.Command(filepath.Join(programs(), "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"))
	if err != nil {
		return nil, err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	hba := "local all sam scram-sha-256\nlocal all mel md5\nlocal all tom password\nlocal replication all trust\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o644); err != nil {
		return nil, err
	}
	s.cmd, err = as(exec.Command(filepath.Join(programs(), "postgres"), "-D", data, "-k", dir, "-p", "5999", "-h", "", "-F",
		"-c", "wal_level=logical", "-c", "log_statement=all", "-c", "timezone=UTC", "-c", "log_line_prefix=%c ", "-c", "log_min_messages=info", "-c", "max_wal_senders=4"))
	if err != nil {
		return nil, err
	}
	log, err := os.Create(s.log())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	real := filepath.Join(dir, ".s.PGSQL.5999")
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ready := exec.Command("pg_isready", "-q", "-h", dir, "-p", "5999")
		if ready.Run() == nil {
			break
		}
		if time.Now().After(deadline) {
			return nil, errors.New("the server does not come up")
		}
	}
	s.proxy, err = decodertest.NewProxy(filepath.Join(dir, ".s.PGSQL.5432"), real)
	return s, err
}

func (s *testServer) log() string { return filepath.Join(s.dir, "log") }

func (s *testServer) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // immediate shutdown
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

// run runs a client through the proxy and returns what was said, a
// conversation for each connection.
func (s *testServer) run(t *testing.T, stdin, name string, args ...string) []decodertest.Conversation {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PGHOST="+s.dir, "PGPORT=5432", "PGUSER=postgres", "PGDATABASE=postgres", "PGPASSWORD=topsecret")
	return s.proxy.Say(t, cmd)
}

// psql runs the command-line client.
func (s *testServer) psql(t *testing.T, script string, args ...string) []decodertest.Conversation {
	t.Helper()
	return s.run(t, script, "psql", append([]string{"-X", "-q", "-A", "-t"}, args...)...)
}

// speak has f speak the protocol itself.
func (s *testServer) speak(t *testing.T, f func(net.Conn)) decodertest.Conversation {
	t.Helper()
	s.proxy.Forget()
	c, err := net.Dial("unix", s.proxy.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	f(c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return s.proxy.Conversations()[0]
}
