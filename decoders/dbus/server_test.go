package dbus

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"unixcap/decoders/decodertest"
)

// A bus is a dbus-daemon of the test's own behind a proxy that writes down what
// passes.
type bus struct {
	*decodertest.Proxy
	dir, target string
}

const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>%s</auth>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
`

// startBus starts a bus that knows one mechanism. Without the programs the
// test is skipped, but fails where CI is set.
func startBus(t *testing.T, mechanism string) *bus {
	t.Helper()
	need(t, "dbus-daemon", "dbus-send", "dbus-monitor", "busctl", "gdbus")
	dir := t.TempDir()
	b := &bus{dir: dir, target: filepath.Join(dir, "real.sock")}
	file := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, b.target, mechanism), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--config-file", file, "--nofork", "--nopidfile")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("unix", b.target); err == nil {
			c.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the bus does not come up: %v", err)
		}
	}
	var err error
	if b.Proxy, err = decodertest.NewProxy(filepath.Join(dir, "bus.sock"), b.target); err != nil {
		t.Fatal(err)
	}
	return b
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%v (needed where CI=true)", err)
			}
			t.Skip(err)
		}
	}
}

// run runs a client and returns what passed through the proxy.
func (b *bus) run(t *testing.T, program string, args ...string) []decodertest.Conversation {
	t.Helper()
	b.Forget()
	cmd := exec.Command(program, args...)
	address := "unix:path=" + b.Path
	cmd.Env = append(os.Environ(), "HOME="+b.dir, "DBUS_SESSION_BUS_ADDRESS="+address)
	out, err := cmd.CombinedOutput()
	t.Logf("%s %s: %v\n%.500s", program, strings.Join(args, " "), err, out)
	return b.Conversations()
}

// dial connects with the library, which takes the proxy as it is: without
// passing descriptors.
func (b *bus) dial(t *testing.T, path string) *dbus.Conn {
	t.Helper()
	c, err := dbus.Dial("unix:path=" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Auth([]dbus.Auth{dbus.AuthExternal("0")}); err != nil {
		t.Fatal(err)
	}
	if err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
