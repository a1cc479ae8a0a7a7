package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"unixcap/bpf"
	"unixcap/internal/conformance/send"
	"unixcap/internal/need"
)

func TestMain(m *testing.M) {
	send.BeChild()
	os.Exit(m.Run())
}

func TestThisKernel(t *testing.T) {
	need.Root(t)
	results, err := Run(Options{Backend: bpf.Tracepoint, Sender32: buildSender32(t)})
	if err != nil {
		t.Error(err)
	}
	for _, r := range results {
		t.Run(r.Kind+"/"+r.Path, func(t *testing.T) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
}

// buildSender32 builds the sender for this machine's 32-bit system calls.
func buildSender32(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sender32")
	build := exec.Command("go", "build", "-o", program, "unixcap/internal/conformance/sender")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+Arch32)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
