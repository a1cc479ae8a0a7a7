package fileset

import (
	"testing"
	"time"
)

func TestFolder(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rotation Rotation
		want     string
	}{
		{"x.pcapng", Rotation{}, "."},
		{"-", Rotation{}, ""},
		{"/a/b/x", Rotation{Size: 1}, "/a/b"},
		{"/a/%F/x", Rotation{Size: 1}, "/a/%F"},
		{"/a/%F/x", Rotation{Every: time.Minute, Numbered: true}, "/a/%F"},
		{"/a/%F/%H/x", Rotation{Every: time.Minute}, "/a"},
		{"%F/x", Rotation{Every: time.Minute}, "."},
		{"/%F/x", Rotation{Every: time.Minute}, "/"},
	} {
		o := Options{Name: tt.name, Rotation: tt.rotation}
		if got := o.Folder(); got != tt.want {
			t.Errorf("%s with %+v: %s, want %s", tt.name, tt.rotation, got, tt.want)
		}
	}
}
