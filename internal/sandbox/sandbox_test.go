package sandbox

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"unixcap/internal/need"
)

// The confined part runs in a process of its own: there is no way back.
func TestEnter(t *testing.T) {
	if dir := os.Getenv("CONFINED"); dir != "" {
		confined(t, dir)
		if t.Failed() {
			os.Exit(1)
		}
		os.Exit(0) // the usual end wants to remove files
	}
	if ABI() == 0 {
		need.Missing(t, "a kernel with landlock")
	}
	dir := t.TempDir()
	for _, name := range []string{"tree/below", "out", "else", "folder"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tree/below/x", "file", "else/x", "folder/x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestEnter$", "-test.v")
	cmd.Env = append(os.Environ(), "CONFINED="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func confined(t *testing.T, dir string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	read := func(name string) error { _, err := os.ReadFile(in(name)); return err }
	list := func(name string) error { _, err := os.ReadDir(in(name)); return err }
	write := func(name string) error { return os.WriteFile(in(name), []byte("y"), 0o600) }
	if err := Enter(Allowance{
		Files: []string{in("file"), in("missing")}, Folders: []string{in("folder")},
		Trees: []string{in("tree"), in("gone")}, Outputs: []string{in("out")},
	}); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"read a file": read("file"), "read below a tree": read("tree/below/x"), "list a tree": list("tree/below"),
		"list a folder": list("folder"), "create": write("out/x"), "overwrite": write("out/x"), "remove": os.Remove(in("out/x")),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, dial := net.Dial("tcp", "127.0.0.1:1")
	for what, err := range map[string]error{
		"read elsewhere": read("else/x"), "read in a folder": read("folder/x"), "list elsewhere": list("else"),
		"write a file to be read": write("file"), "write below a tree": write("tree/below/x"), "write elsewhere": write("else/x"),
		"remove elsewhere": os.Remove(in("else/x")), "make a folder": os.Mkdir(in("out/y"), 0o700),
		"make a link": os.Symlink("x", in("out/z")), "execute": exec.Command("/bin/true").Run(), "connect": dial,
	} {
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s is not refused: %v", what, err)
		}
	}
}
