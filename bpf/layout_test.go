package bpf

import (
	"testing"

	"github.com/cilium/ebpf/btf"
)

// The Go side reads the C structs by offset; the compiler's own description of
// them says whether the offsets are right.
func TestLayout(t *testing.T) {
	tap, err := loadTracepoint()
	if err != nil {
		t.Fatal(err)
	}
	list, err := loadSockets()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		types   *btf.Spec
		name    string
		size    uint32
		offsets map[string]uint32
	}{
		{tap.Types, "send_record", sendRecordSize, map[string]uint32{
			"kind": 1, "flags": 2, "fds": 4, "seq": 8, "sk": 16, "peer": 24, "entry": 32, "exit": 40,
			"offset": 48, "cgroup": 56, "pid": 64, "tid": 68, "uid": 72, "ret": 76, "ino": 80,
			"peer_ino": 84, "part": 88, "part_len": 92, "comm": 96, "fd_types": 112}},
		{tap.Types, "receive_record", receiveRecordSize, map[string]uint32{
			"kind": 1, "emptied": 2, "ino": 4, "sk": 8, "peer": 16, "time": 24, "received": 32, "cgroup": 40,
			"pid": 48, "tid": 52, "uid": 56, "ret": 60, "peer_ino": 64, "comm": 72}},
		{tap.Types, "socket_record", socketRecordSize, map[string]uint32{
			"kind": 1, "state": 3, "ino": 4, "sk": 8, "peer": 16, "cookie": 24, "cgroup": 32,
			"peer_ino": 40, "netns": 44, "pid": 48, "tid": 52, "uid": 56, "peer_pid": 60,
			"path_len": 64, "peer_path_len": 66, "comm": 68, "path": 84, "peer_path": 192}},
		{tap.Types, "close_record", closeRecordSize, map[string]uint32{"ino": 4, "sk": 8, "time": 16}},
		{tap.Types, "pattern", 152, map[string]uint32{"dev": 4, "ino": 8, "kind": 16, "verdict": 20, "text": 24}},
		{tap.Types, "condition", 16, map[string]uint32{"kind": 8}},
		{tap.Types, "mark", 16, map[string]uint32{"ino": 8, "verdict": 12}},
		{list.Types, "living", livingSize, map[string]uint32{"sk": 0, "ino": 8}},
		{list.Types, "holder", holderSize, map[string]uint32{
			"sk": 0, "peer": 8, "cookie": 16, "addr": 24, "ino": 32, "peer_ino": 36, "netns": 40, "tgid": 44,
			"fd": 48, "peer_pid": 52, "kind": 56, "state": 57, "path_len": 58, "comm": 60, "path": 76}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s *btf.Struct
			if err := tt.types.TypeByName(tt.name, &s); err != nil {
				t.Fatal(err)
			}
			if s.Size != tt.size {
				t.Errorf("size %d, the reader expects %d", s.Size, tt.size)
			}
			for _, m := range s.Members {
				if want, ok := tt.offsets[m.Name]; ok && m.Offset.Bytes() != want {
					t.Errorf("%s at %d, the reader expects it at %d", m.Name, m.Offset.Bytes(), want)
				}
				delete(tt.offsets, m.Name)
			}
			for name := range tt.offsets {
				t.Errorf("no member %s", name)
			}
		})
	}
}
