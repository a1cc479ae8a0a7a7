package capture

import (
	"fmt"
	"strconv"
	"strings"

	"unixcap/internal/glob"
)

// A PortRule gives the sockets bound to a matching name a port, by which
// Wireshark chooses its dissector.
type PortRule struct {
	Glob string // by the rules of glob.MatchPath
	Port uint16
}

// ParsePortRule reads a rule as it is given on a command line: GLOB=PORT.
func ParsePortRule(s string) (PortRule, error) {
	i := strings.LastIndexByte(s, '=')
	if i <= 0 {
		return PortRule{}, fmt.Errorf("port rule %q: want GLOB=PORT, as in '*/my.sock=3306'", s)
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || n == 0 {
		return PortRule{}, fmt.Errorf("port rule %q: %q is no port (1 to 65535)", s, s[i+1:])
	}
	r := PortRule{Glob: s[:i], Port: uint16(n)}
	if err := glob.Check(r.Glob); err != nil {
		return PortRule{}, fmt.Errorf("port rule %q: %w", s, err)
	}
	return r, nil
}

// matches reports whether the bound name is one the rule is for.
func (r *PortRule) matches(name string) bool { return glob.MatchPath(r.Glob, name) }

// A service is an entry of the table of well-known services.
type service struct {
	glob   string
	port   uint16
	number bool // the digits glob's last * stands for are added to port
	udp    bool // for datagram and seqpacket sockets, not for streams
}

// Ports of protocols that Wireshark has a dissector for but no port. They are of
// no other dissector and outside of the dynamic ranges. The profile's
// decode_as_entries has them.
const (
	dbusPort = 60100
	jsonPort = 60101
)

// services are those of usual Linux hosts whose port a stock Wireshark has a
// dissector for ("tshark -G decodes"), and docker's, php-fpm's and PostgreSQL's
// other ports, which it recognises by content or by hand. D-Bus and JSON have ports
// that it is told of. A service without a dissector gains nothing from a port and is
// not here (PulseAudio, Wayland, systemd's journal and notifications).
// Sockets that speak HTTP are at 80 for want of a better one.
var services = []service{
	{glob: "mysqld.sock", port: 3306},
	{glob: "mysql.sock", port: 3306},
	{glob: "mysqld*.sock", port: 3306},
	{glob: "mysql[0-9]*.sock", port: 3306},
	{glob: "mariadb*.sock", port: 3306},
	{glob: ".s.PGSQL.*", number: true},
	{glob: "redis*.sock", port: 6379},
	{glob: "valkey*.sock", port: 6379},
	{glob: "keydb*.sock", port: 6379},
	{glob: "memcached*.sock", port: 11211},
	{glob: "memcached*.socket", port: 11211},
	{glob: "mongodb-*.sock", number: true},
	{glob: "gearmand*.sock", port: 4730},
	{glob: "mosquitto*.sock", port: 1883},

	{glob: "docker.sock", port: 2375},
	{glob: "podman.sock", port: 2375},
	{glob: "snapd.socket", port: 80},
	{glob: "snapd-snap.socket", port: 80},
	{glob: "/var/lib/lxd/unix.socket", port: 80},
	{glob: "/var/snap/lxd/common/lxd/unix.socket", port: 80},
	{glob: "/var/lib/incus/unix.socket", port: 80},
	{glob: "nginx*.sock", port: 80},
	{glob: "httpd*.sock", port: 80},
	{glob: "caddy*.sock", port: 80},
	{glob: "gunicorn*.sock", port: 80},
	{glob: "puma*.sock", port: 80},
	{glob: "unicorn*.sock", port: 80},
	{glob: "cups.sock", port: 631},

	// HTTP/2 and gRPC: the dissector of port 80 knows it by the client's preface.
	{glob: "containerd.sock", port: 80},
	{glob: "containerd-stargz-grpc.sock", port: 80},
	{glob: "crio.sock", port: 80},
	{glob: "cri-dockerd.sock", port: 80},
	{glob: "buildkitd.sock", port: 80},
	{glob: "kubelet.sock", port: 80},
	{glob: "csi.sock", port: 80},
	{glob: "/var/lib/kubelet/plugins_registry/*.sock", port: 80},
	{glob: "/var/lib/kubelet/device-plugins/*.sock", port: 80},
	{glob: "/*/spire-agent/public/api.sock", port: 80},
	{glob: "grpc*.sock", port: 80},
	{glob: "h2c*.sock", port: 80},

	{glob: "php*fpm*.sock", port: 9000},
	{glob: "php-cgi*.sock", port: 9000},
	{glob: "fcgiwrap*.s*", port: 9000},
	{glob: "fastcgi*.s*", port: 9000},

	{glob: "ldapi", port: 389},
	{glob: "slapd*.socket", port: 389},
	{glob: "rpcbind.sock", port: 111},
	{glob: "/var/agentx/master", port: 705},
	{glob: "zserv.api", port: 2600},
	{glob: "pmcd.socket", port: 44321},
	{glob: "rtpproxy*.sock", port: 22222},
	{glob: "/*/openvswitch/*.mgmt", port: 6653},
	{glob: "*lmtp", port: 25},
	{glob: "*vnc*.sock", port: 5900},
	{glob: "/tmp/.X11-unix/X*", port: 6000, number: true},

	{glob: "/*/dbus/system_bus_socket", port: dbusPort},
	{glob: "/run/user/*/bus", port: dbusPort},
	{glob: "dbus-*", port: dbusPort},
	{glob: "/*/at-spi/bus*", port: dbusPort},
	{glob: "/run/systemd/private", port: dbusPort},
	{glob: "/run/user/*/systemd/private", port: dbusPort},

	{glob: "qmp*.sock", port: jsonPort},
	{glob: "*.qmp", port: jsonPort},
	{glob: "qmp", port: jsonPort},
	{glob: "qmp-sock", port: jsonPort},
	{glob: "io.systemd.*", port: jsonPort},
	{glob: "varlink*", port: jsonPort},
	{glob: "org.varlink.*", port: jsonPort},

	{glob: "/dev/log", port: 514, udp: true},
	{glob: "/*/dev/log", port: 514, udp: true},
	{glob: "/run/systemd/journal/dev-log", port: 514, udp: true},
	{glob: "/run/systemd/journal.*/dev-log", port: 514, udp: true},
	{glob: "/run/systemd/journal/syslog", port: 514, udp: true},
}

// portOf returns the entry's port for a bound name it matches. An entry with a
// number matches only a name that has one.
func (s *service) portOf(name string) (uint16, bool) {
	if !glob.MatchPath(s.glob, name) {
		return 0, false
	}
	if !s.number {
		return s.port, true
	}
	star := strings.LastIndexByte(s.glob, '*')
	suffix := s.glob[star+1:]
	digits := strings.TrimSuffix(name, suffix)
	begin := len(digits)
	for begin > 0 && digits[begin-1] >= '0' && digits[begin-1] <= '9' {
		begin--
	}
	// The glob's last element up to the star stands before the number: ".s.PGSQL.x1" has none.
	head := s.glob[strings.LastIndexByte(s.glob, '/')+1 : star]
	if digits[strings.LastIndexByte(digits, '/')+1:begin] != head &&
		strings.TrimPrefix(digits[:begin], "@") != head {
		return 0, false
	}
	n, err := strconv.ParseUint(digits[begin:], 10, 16)
	if err != nil || uint64(s.port)+n > 65535 || uint64(s.port)+n == 0 {
		return 0, false
	}
	return s.port + uint16(n), true
}

// WellKnownPort returns the port of the service a socket is bound as. The extra
// rules come before the table of docs/format.md.
func WellKnownPort(s *Socket, extra ...PortRule) (port uint16, ok bool) {
	if s == nil || s.Path == "" {
		return 0, false
	}
	for i := range extra {
		if extra[i].matches(s.Path) {
			return extra[i].Port, true
		}
	}
	for i := range services {
		if services[i].udp != (s.Kind != Stream) {
			continue
		}
		if port, ok := services[i].portOf(s.Path); ok {
			return port, true
		}
	}
	return 0, false
}

// ServerEnd tells which of a connection's two ends is the server: the one that
// listens, or that others send to. It is, by the first rule that tells them apart,
//
//   - the end with a well-known port,
//   - the end bound to a name,
//   - the end that is known, if it is bound, or else the unknown one,
//   - the end without an inode, since only a connection that was not accepted
//     yet lacks one,
//   - the end with the higher inode, made later, as an accepted socket is,
//   - the end with the higher address.
//
// The order of a and b does not matter. Either may be nil.
func ServerEnd(a, b *Socket, extra ...PortRule) *Socket {
	if !a.Known() || !b.Known() {
		known, other := a, b
		if !a.Known() {
			known, other = b, a
		}
		if known.Known() && known.Path != "" {
			return known
		}
		return other
	}
	_, wellA := WellKnownPort(a, extra...)
	_, wellB := WellKnownPort(b, extra...)
	switch {
	case wellA != wellB:
		return either(wellA, a, b)
	case (a.Path != "") != (b.Path != ""):
		return either(a.Path != "", a, b)
	case (a.Inode == 0) != (b.Inode == 0):
		return either(a.Inode == 0, a, b)
	case a.Inode != b.Inode:
		return either(a.Inode > b.Inode, a, b)
	}
	return either(a.SK > b.SK, a, b)
}

func either(first bool, a, b *Socket) *Socket {
	if first {
		return a
	}
	return b
}

// The dynamic ports are in ranges Wireshark has no dissectors in, neither for
// TCP nor for UDP.
const (
	clientPorts = 50000 // to 54095
	serverPorts = 61000 // to 65095
	portsInUse  = 4096
)

// serverPort is the port of a server without a well-known one. It is the same
// for all connections to one bound name.
func serverPort(s *Socket) uint16 {
	h := uint64(14695981039346656037) // FNV-1a
	if s.Path == "" {
		h = mix(s.SK, s.Inode)
	}
	for i := 0; i < len(s.Path); i++ {
		h = (h ^ uint64(s.Path[i])) * 1099511628211
	}
	return serverPorts + uint16((h^h>>32)%portsInUse)
}

// clientPort is the port of the end that is not the server. Two clients of one
// server may share one: their addresses differ.
func clientPort(s *Socket) uint16 {
	h := mix(s.SK, s.Inode)
	return clientPorts + uint16((h^h>>32)%portsInUse)
}

// mix spreads an identity over 64 bits.
func mix(sk uint64, inode uint32) uint64 {
	h := sk ^ uint64(inode)<<32 ^ uint64(inode)
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	return h ^ h>>29
}
