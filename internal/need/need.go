// Package need says what a test cannot do without. On a machine that lacks it
// the test is left out; where CI=true, which is to have everything, it fails.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Programs has a test need programs.
func Programs(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Missing(t, name)
		}
	}
}

// Root has a test need root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root")
	}
}

// Missing ends a test for lack of something.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s (make test installs programs)", what)
}
