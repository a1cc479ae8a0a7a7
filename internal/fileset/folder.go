package fileset

import (
	"path/filepath"
	"strings"
)

// Folder is where the files are, or if the time is part of its name the folder
// above those. Standard output has none.
func (o *Options) Folder() string {
	if o.Name == Stdout {
		return ""
	}
	dir := filepath.Dir(o.Name)
	for o.timed() && strings.Contains(dir, "%") {
		dir = filepath.Dir(dir)
	}
	return dir
}

// timed reports whether names have the time as strftime says.
func (o *Options) timed() bool { return o.Rotation.Every > 0 && !o.Rotation.Numbered }

// Several reports whether files are created after the first one.
func (o *Options) Several() bool { return o.Rotation.rotates() }
