package recorder

import (
	"slices"
	"testing"

	"unixcap/bpf"
	"unixcap/internal/sockets"
)

// A socket that is not in the list of those that exist is closed, but one that
// is not accepted yet cannot be in a list of what descriptors refer to.
func TestGone(t *testing.T) {
	for _, tt := range []struct {
		name    string
		partial bool
		want    []uint64
	}{
		{"whole list", false, []uint64{2, 3}},
		{"list of what is held", true, []uint64{2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := newTable([]*sockets.Socket{})
			for _, s := range []struct {
				sk    uint64
				inode uint32
			}{{1, 101}, {2, 102}, {3, 0}} {
				e := bpf.Event{Op: bpf.Send, SK: s.sk, Inode: s.inode}
				table.ends(&e)
			}
			table.list()
			table.living(1, 101)
			table.partial = tt.partial
			var got []uint64
			for _, s := range table.gone() {
				got = append(got, s.SK)
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("gone are %v, want %v", got, tt.want)
			}
		})
	}
}
