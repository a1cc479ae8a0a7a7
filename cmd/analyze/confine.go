package main

import (
	"os"
	"path/filepath"

	"unixcap/internal/sandbox"
	"unixcap/internal/stream"
)

// confine takes from the process what it does not need to read captures, since
// they may have been made to attack whoever reads them: it can open these files
// and write into the output's folder, and nothing else.
func confine(files []string, output string) error {
	var a sandbox.Allowance
	for _, name := range files {
		switch {
		case name == stream.Stdin:
		case isDir(name):
			a.Folders = append(a.Folders, name) // to say that it is one
		default:
			a.Files = append(a.Files, name)
		}
	}
	if dir := filepath.Dir(output); output != "" && isDir(dir) {
		a.Outputs = append(a.Outputs, dir)
	}
	return sandbox.Enter(a)
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
