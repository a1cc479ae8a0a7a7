package endtoend

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A path of which no socket is known is said to be so in the words that fit: it
// may be one that a socket has bound by another name, and that is then found.
func TestUnbound(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	t.Chdir(dir)
	l, err := net.Listen("unix", "here.sock") // not by the whole path
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for path, want := range map[string]string{
		filepath.Join(dir, "here.sock"): "by another name, or by nobody",
		filepath.Join(dir, "none.sock"): "no socket is bound to",
	} {
		out, err := exec.Command(filepath.Join(bin, "record"), "--duration", "0.1", path).CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(out), "\n")
		if !strings.Contains(first, want) || !strings.Contains(first, path) {
			t.Errorf("for %s it says %q, not %q", path, first, want)
		}
	}
}
