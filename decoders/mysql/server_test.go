package mysql

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// A testServer is a MariaDB server of our own behind a proxy that records.
type testServer struct {
	dir    string
	socket string // of the server itself
	proxy  *decodertest.Proxy
	cmd    *exec.Cmd
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
	need.Programs(t, "mariadbd", "mariadb-install-db", "mariadb")
	need.Root(t) // it runs as root
	theServer.once.Do(func() { theServer.s, theServer.err = startServer() })
	if theServer.err != nil {
		t.Fatal(theServer.err)
	}
	return theServer.s
}

func startServer() (*testServer, error) {
	dir, err := os.MkdirTemp("", "unixcap-mysql")
	if err != nil {
		return nil, err
	}
	s := &testServer{dir: dir, socket: filepath.Join(dir, "real.sock")}
	data := filepath.Join(dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data, "--user=root",
		"--auth-root-authentication-method=normal", "--skip-test-db")
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	if err := writeCertificate(dir); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("mariadbd", "--no-defaults", "--user=root", "--datadir="+data, "--socket="+s.socket,
		"--skip-networking", "--pid-file="+filepath.Join(dir, "pid"), "--general-log", "--local-infile=1",
		"--general-log-file="+s.log(), "--max-allowed-packet=64M", "--innodb-buffer-pool-size=64M",
		"--innodb-log-file-size=96M", "--ssl-cert="+filepath.Join(dir, "cert.pem"), "--ssl-key="+filepath.Join(dir, "key.pem"))
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := decodertest.Await(s.socket); err != nil {
		return nil, err
	}
	s.proxy, err = decodertest.NewProxy(filepath.Join(dir, "mysqld.sock"), s.socket)
	return s, err
}

// writeCertificate writes a certificate that the server can offer.
func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *testServer) log() string { return filepath.Join(s.dir, "general.log") }

func (s *testServer) stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(os.Interrupt)
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

// run runs a client through the proxy and returns what was said, a
// conversation for each connection.
func (s *testServer) run(t *testing.T, stdin string, name string, args ...string) []decodertest.Conversation {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Dir = s.dir
	return s.proxy.Say(t, cmd)
}

// sql runs the command-line client with the statements.
func (s *testServer) sql(t *testing.T, statements string, args ...string) []decodertest.Conversation {
	t.Helper()
	args = append([]string{"--no-defaults", "--skip-ssl", "-u", "root", "-S", s.proxy.Path}, args...)
	return s.run(t, statements, "mariadb", args...)
}

// logged runs f and returns what the server wrote to its general log meanwhile.
func (s *testServer) logged(t *testing.T, f func()) []string {
	t.Helper()
	since := s.logSince(t)
	f()
	return since()
}

// logSince returns what returns the lines that the server writes to its general
// log from now on.
func (s *testServer) logSince(t *testing.T) func() []string {
	t.Helper()
	before, err := os.Stat(s.log())
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		b, err := os.ReadFile(s.log())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(b[before.Size():]), "\n")
	}
}
