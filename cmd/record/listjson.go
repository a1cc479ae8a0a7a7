package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"unixcap/internal/capture"
	"unixcap/internal/sockets"
)

// A listedSocket is a line of -D --format jsonl.
type listedSocket struct {
	SK      string         `json:"sk"`
	Inode   uint32         `json:"inode"`
	Kind    string         `json:"kind"`
	State   string         `json:"state"`
	Path    string         `json:"path,omitempty"`
	Peer    string         `json:"peer_sk,omitempty"`
	Holders []listedHolder `json:"holders"`
}

// A listedHolder is a process that has a descriptor of a socket.
type listedHolder struct {
	PID           uint32 `json:"pid"`
	Comm          string `json:"comm"`
	UID           uint32 `json:"uid"`
	Exe           string `json:"exe,omitempty"`
	CgroupPath    string `json:"cgroup_path,omitempty"`
	Container     string `json:"container,omitempty"`
	ContainerName string `json:"container_name,omitempty"`
}

// printSocketsJSON prints a JSON object a socket.
func printSocketsJSON(w io.Writer, list []*sockets.Socket) error {
	who := inspect(list)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, s := range list {
		l := listedSocket{
			SK: fmt.Sprintf("%#x", s.SK), Inode: s.Inode, Kind: s.Kind.String(), State: s.State.String(), Path: s.Path,
			Holders: []listedHolder{},
		}
		if s.PeerSK != 0 {
			l.Peer = fmt.Sprintf("%#x", s.PeerSK)
		}
		for i := range s.Holders {
			l.Holders = append(l.Holders, who(&s.Holders[i]))
		}
		if err := e.Encode(&l); err != nil {
			return err
		}
	}
	return nil
}

// inspectLimit is how long the list waits for what is still to be found out: a disk
// may not answer.
const inspectLimit = 2 * time.Second

// inspect finds out about all that have sockets.
func inspect(list []*sockets.Socket) func(*capture.Process) listedHolder {
	i := sockets.NewInspector("/")
	defer i.Start()()
	asked := map[uint32]*sockets.Inquiry{}
	for _, s := range list {
		for _, p := range s.Holders {
			if asked[p.PID] != nil {
				continue
			}
			q := i.Ask(p.PID, 0, 0)
			if q == nil {
				i.Settle(inspectLimit)
				q = i.Ask(p.PID, 0, 0)
			}
			asked[p.PID] = q
		}
	}
	i.Settle(inspectLimit)
	return func(p *capture.Process) listedHolder {
		l := listedHolder{PID: p.PID, Comm: p.Comm}
		q := asked[p.PID]
		if q == nil || q.Found() == nil {
			return l
		}
		found := q.Found()
		l.UID = found.UID
		if o := found.Origin; o != nil {
			l.Exe, l.CgroupPath, l.Container, l.ContainerName = o.Exe, o.CgroupPath, o.Container, o.ContainerName
		}
		return l
	}
}
