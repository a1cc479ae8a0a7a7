package output

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two that write into one file would leave something that nobody can read.
func TestCreateTwice(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.pcapng")
	first, err := Create(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.WriteString("data"); err != nil {
		t.Fatal(err)
	}
	if second, err := Create(name, nil); err == nil || !strings.Contains(err.Error(), "another process writes it") {
		second.Close()
		t.Errorf("while it is being written: %v", err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "data" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Create(name, nil)
	if err != nil {
		t.Fatalf("when it is written: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
