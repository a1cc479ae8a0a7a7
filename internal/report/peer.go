package report

import (
	"net/netip"
	"strconv"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/stream"
)

// peerColumns are the fields of one end of a conversation. Rows get to the
// end through of.
func peerColumns[T any](object string, of func(*T) (*capture.Process, *capture.Socket)) []Column[T] {
	process := func(get func(*capture.Process, *Cell)) func(*T, *Cell) {
		return func(row *T, c *Cell) {
			if p, _ := of(row); p.PID != 0 {
				get(p, c)
			}
		}
	}
	origin := func(get func(*capture.Origin) string) func(*T, *Cell) {
		return func(row *T, c *Cell) {
			if p, _ := of(row); p.Origin != nil {
				c.optional(get(p.Origin))
			}
		}
	}
	socket := func(get func(*capture.Socket, *Cell)) func(*T, *Cell) {
		return func(row *T, c *Cell) {
			if _, s := of(row); s.Known() {
				get(s, c)
			}
		}
	}
	unix := func(get func(*capture.Socket, *Cell)) func(*T, *Cell) {
		return socket(func(s *capture.Socket, c *Cell) {
			if s.SK != 0 {
				get(s, c)
			}
		})
	}
	return []Column[T]{
		{Name: object + ".pid", Get: process(func(p *capture.Process, c *Cell) { c.Int(int64(p.PID)) })},
		{Name: object + ".comm", Get: process(func(p *capture.Process, c *Cell) { c.String(p.Comm) })},
		{Name: object + ".uid", Get: process(func(p *capture.Process, c *Cell) { c.Int(int64(p.UID)) })},
		{Name: object + ".sk", Get: unix(func(s *capture.Socket, c *Cell) { c.Address(s.SK) })},
		{Name: object + ".inode", Get: socket(func(s *capture.Socket, c *Cell) {
			if s.Inode != 0 {
				c.Int(int64(s.Inode))
			}
		})},
		{Name: object + ".addr", Get: socket(func(s *capture.Socket, c *Cell) {
			if s.Conn != nil {
				c.IP(s.Addr)
				return
			}
			c.IP(netip.AddrPortFrom(capture.Address(s), 0))
		})},
		{Name: object + ".exe", Get: origin(func(o *capture.Origin) string { return o.Exe })},
		{Name: object + ".cgroup_path", Get: origin(func(o *capture.Origin) string { return o.CgroupPath })},
		{Name: object + ".container", Get: origin(func(o *capture.Origin) string { return o.Container })},
		{Name: object + ".container_name", Get: origin(func(o *capture.Origin) string { return o.ContainerName })},
	}
}

// flowPeers are the columns of both ends of a flow.
func flowPeers[T any](of func(*T) *stream.Flow) []Column[T] {
	end := func(e decoders.End) func(*T) (*capture.Process, *capture.Socket) {
		return func(row *T) (*capture.Process, *capture.Socket) {
			p := &of(row).Ends[e]
			return &p.Process, &p.Socket
		}
	}
	return append(peerColumns("client", end(decoders.Client)), peerColumns("server", end(decoders.Server))...)
}

// appendProcess appends comm[pid] for people.
func appendProcess(dst []byte, p *capture.Process) []byte {
	if p.PID == 0 && p.Comm == "" {
		return append(dst, '?')
	}
	if p.Comm == "" {
		dst = append(dst, '?')
	}
	for i := range len(p.Comm) {
		dst = appendSafeByte(dst, p.Comm[i])
	}
	dst = append(dst, '[')
	dst = strconv.AppendUint(dst, uint64(p.PID), 10)
	return append(dst, ']')
}

// appendPeer appends who is at an end: the process, or for network traffic the
// address.
func appendPeer(dst []byte, p *capture.Process, s *capture.Socket) []byte {
	if s != nil && s.Conn != nil {
		return s.Addr.AppendTo(dst)
	}
	return appendProcess(dst, p)
}

// peerName is who is at an end, and in which container.
func peerName(p *stream.Peer) string {
	return string(appendContainer(appendPeer(nil, &p.Process, &p.Socket), p.Process.Origin))
}

// shortID is how much of a container's id people are shown, as Docker does.
const shortID = 12

// appendContainer appends @ and the name of the container, or else its id.
func appendContainer(dst []byte, o *capture.Origin) []byte {
	if o == nil || o.Container == "" {
		return dst
	}
	name := o.ContainerName
	if name == "" {
		name = o.Container[:min(len(o.Container), shortID)]
	}
	dst = append(dst, '@')
	for i := range len(name) {
		dst = appendSafeByte(dst, name[i])
	}
	return dst
}

// originOf is where a process comes from, if only that nothing is known of it.
func originOf(p *capture.Process) capture.Origin {
	if p.Origin == nil {
		return capture.Origin{}
	}
	return *p.Origin
}

// hostName is a process's name, or for network traffic the IP address.
func hostName(p *stream.Peer) string {
	if p.Socket.Conn != nil {
		return p.Socket.Addr.Addr().String()
	}
	return p.Process.Comm
}

// optional sets s unless it is empty.
func (c *Cell) optional(s string) {
	if s != "" {
		c.String(s)
	}
}

// bytes sets p unless it is empty.
func (c *Cell) bytes(p []byte) {
	if len(p) > 0 {
		c.Text(p)
	}
}
