package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The confined part runs in a process of its own: there is no way back.
func TestConfine(t *testing.T) {
	if dir := os.Getenv("CONFINED"); dir != "" {
		confined(t, dir)
		if t.Failed() {
			os.Exit(1)
		}
		os.Exit(0) // the usual end wants to remove files
	}
	dir := t.TempDir()
	for _, name := range []string{"capture", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestConfine$", "-test.v")
	cmd.Env = append(os.Environ(), "CONFINED="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func confined(t *testing.T, dir string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := confine([]string{in("capture"), in("missing"), "-"}, in("out/result")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(in("capture")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(in("out/result"), []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
	for _, refused := range []error{
		func() error { _, err := os.ReadFile(in("other")); return err }(),
		os.WriteFile(in("capture"), []byte("y"), 0o600),
		os.WriteFile(in("new"), []byte("y"), 0o600),
		exec.Command("/bin/true").Run(),
		func() error { _, err := net.Dial("tcp", "127.0.0.1:1"); return err }(),
	} {
		if !errors.Is(refused, os.ErrPermission) {
			t.Errorf("not refused: %v", refused)
		}
	}
}
