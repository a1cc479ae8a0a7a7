package dbus

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// A bus is a dbus-daemon of the test's own behind a proxy that writes down what
// passes.
type bus struct {
	*decodertest.Proxy
	dir string
}

const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>%s</auth>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
`

// startBus starts a bus that knows one mechanism.
func startBus(t *testing.T, mechanism string) *bus {
	t.Helper()
	need.Programs(t, "dbus-daemon", "dbus-send", "dbus-monitor", "busctl", "gdbus")
	dir := t.TempDir()
	socket := filepath.Join(dir, "real.sock")
	file := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, socket, mechanism), 0o644); err != nil {
		t.Fatal(err)
	}
	// Only so does the bus know where the cookies are.
	decodertest.Start(t, socket, "env", "HOME="+dir, "dbus-daemon", "--config-file", file, "--nofork", "--nopidfile")
	return &bus{Proxy: decodertest.Proxied(t, socket), dir: dir}
}

// run runs a client and returns what passed through the proxy.
func (b *bus) run(t *testing.T, program string, args ...string) []decodertest.Conversation {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "HOME="+b.dir, "DBUS_SESSION_BUS_ADDRESS=unix:path="+b.Path)
	return b.Say(t, cmd)
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
