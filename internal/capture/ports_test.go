package capture

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestWellKnownPort(t *testing.T) {
	for _, c := range []struct {
		path string
		kind Kind
		port uint16
	}{
		{"/var/run/mysqld/mysqld.sock", Stream, 3306},
		{"/var/lib/mysql/mysql.sock", Stream, 3306},
		{"/tmp/mysql3307.sock", Stream, 3306},
		{"/run/postgresql/.s.PGSQL.5432", Stream, 5432},
		{"@/run/postgresql/.s.PGSQL.6432", Stream, 6432},
		{"/run/postgresql/.s.PGSQL.5432.lock", Stream, 0},
		{"/run/postgresql/.s.PGSQL.99999", Stream, 0},
		{"/run/postgresql/.s.PGSQL.", Stream, 0},
		{"/run/postgresql/.s.PGSQL.0", Stream, 0},
		{"/run/postgresql/.s.PGSQL.x1", Stream, 0},
		{"/tmp/mongodb-27017.sock", Stream, 27017},
		{"/run/redis/redis-server.sock", Stream, 6379},
		{"/run/docker.sock", Stream, 2375},
		{"/run/user/1000/podman/podman.sock", Stream, 2375},
		{"/run/php/php8.2-fpm.sock", Stream, 9000},
		{"/var/run/memcached.sock", Stream, 11211},
		{"/tmp/.X11-unix/X1", Stream, 6001},
		{"@/tmp/.X11-unix/X10", Stream, 6010},
		{"/tmp/.X11-unix/Xfoo", Stream, 0},
		{"/dev/log", Datagram, 514},
		{"/run/systemd/journal/dev-log", Datagram, 514},
		{"/var/lib/haproxy/dev/log", Datagram, 514},
		{"/dev/log", Stream, 0}, // at 514 TCP has rsh
		{"/run/mysqld/mysqld.sock", Datagram, 0},
		{"/run/dbus/system_bus_socket", Stream, dbusPort},
		{"", Stream, 0},
	} {
		port, ok := WellKnownPort(&Socket{SK: 1, Path: c.path, Kind: c.kind})
		if port != c.port || ok != (c.port != 0) {
			t.Errorf("%s %s: %d %v, want %d", c.kind, c.path, port, ok, c.port)
		}
	}
	if port, _ := WellKnownPort(&Socket{Path: "/run/my/mysqld.sock"}, PortRule{"/run/my/*", 4000}, PortRule{"*", 1}); port != 4000 {
		t.Errorf("first extra rule: port %d", port)
	}
}

func TestParsePortRule(t *testing.T) {
	if r, err := ParsePortRule("/run/a=b/*.sock=3306"); err != nil || r != (PortRule{"/run/a=b/*.sock", 3306}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, s := range []string{"", "x", "=1", "x=", "x=0", "x=65536", "x=-1", "[=1", "x=mysql"} {
		if r, err := ParsePortRule(s); err == nil {
			t.Errorf("%q: %+v", s, r)
		}
	}
}

func TestServerEnd(t *testing.T) {
	sock := func(sk uint64, inode uint32, path string) *Socket { return &Socket{SK: sk, Inode: inode, Path: path} }
	unknown := (*Socket)(nil)
	for name, c := range map[string]struct{ server, client *Socket }{
		"well-known":     {sock(1, 1, "/run/mysqld/mysqld.sock"), sock(2, 2, "/tmp/client")},
		"bound":          {sock(1, 1, "/run/x"), sock(2, 2, "")},
		"not accepted":   {sock(1, 0, ""), sock(2, 2, "")},
		"later":          {sock(1, 9, ""), sock(2, 2, "")},
		"both bound":     {sock(1, 9, "/a"), sock(2, 2, "/b")},
		"address":        {sock(3, 2, ""), sock(2, 2, "")},
		"unknown server": {unknown, sock(2, 2, "")},
		"unknown client": {sock(2, 2, "/a"), unknown},
	} {
		if ServerEnd(c.server, c.client) != c.server || ServerEnd(c.client, c.server) != c.server {
			t.Errorf("%s: the wrong end", name)
		}
	}
	a, b := sock(1, 1, "/a"), sock(2, 2, "/run/mysqld/mysqld.sock")
	if ServerEnd(a, b, PortRule{"/a", 5}) == a {
		t.Error("with both in the table, the later one is the server")
	}
}

// Every dynamic port is one for which stock Wireshark has no dissector, and every port
// of the table one for which it has, or is told of by the profile.
func TestWiresharkKnowsPorts(t *testing.T) {
	taken := map[string]bool{}
	for line := range strings.Lines(tool(t, "tshark")("-G", "decodes")) {
		if f := strings.Fields(line); len(f) >= 2 {
			taken[f[0]+" "+f[1]] = true
		}
	}
	for _, base := range []int{clientPorts, serverPorts} {
		for p := base; p < base+portsInUse; p++ {
			if taken["tcp.port "+itoa(p)] || taken["udp.port "+itoa(p)] {
				t.Errorf("dynamic port %d has a dissector", p)
			}
		}
	}
	entries, err := os.ReadFile("../../wireshark/profiles/unixcap/decode_as_entries")
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []int{dbusPort, jsonPort} {
		if taken["tcp.port "+itoa(own)] || taken["udp.port "+itoa(own)] {
			t.Errorf("port %d has a dissector", own)
		}
		if !strings.Contains(string(entries), "decode_as_entry: tcp.port,"+itoa(own)+",") {
			t.Errorf("port %d is not in the profile", own)
		}
		taken["tcp.port "+itoa(own)] = true
	}
	for _, s := range services {
		table := "tcp.port "
		if s.udp {
			table = "udp.port "
		}
		if !s.number && s.port != 2375 && !taken[table+itoa(int(s.port))] {
			t.Errorf("%s: port %d has no dissector", s.glob, s.port)
		}
	}
}

// docs/format.md shows the table of services as it is.
func TestDocumentedServices(t *testing.T) {
	doc, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(doc), -1) {
		rows[m[1]] = true
	}
	for _, s := range services {
		if !rows[s.glob] {
			t.Errorf("docs/format.md does not have %s", s.glob)
		}
	}
}
