package sockets

import (
	"testing"

	"unixcap/bpf"
	"unixcap/internal/capture"
)

// What is listed is what would be recorded: in the kernel's patterns only * and ?
// have a meaning.
func TestChooseByPath(t *testing.T) {
	list := []*Socket{
		{Socket: capture.Socket{SK: 1, Path: "/run/x[1].sock"}},
		{Socket: capture.Socket{SK: 2, Path: "/run/x1.sock"}},
	}
	for _, tt := range []struct {
		pattern string
		want    uint64 // 0: none
	}{
		{"x[1].sock", 1},
		{"/run/x[1]*", 1},
		{"x?.sock", 2},
		{"x[0-9].sock", 0},
	} {
		chosen, err := Choose(&bpf.Filter{Want: bpf.Conditions{Paths: []string{tt.pattern}}}, list)
		if err != nil {
			t.Fatal(err)
		}
		var got uint64
		for _, s := range chosen {
			got += s.SK
		}
		if got != tt.want {
			t.Errorf("%s chooses %d, want %d", tt.pattern, got, tt.want)
		}
	}
}
