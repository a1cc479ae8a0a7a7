package executable

import (
	"fmt"
	"os"
	"testing"

	"unixcap/internal/privilege"
)

func TestMain(m *testing.M) {
	if !Asked() {
		os.Exit(m.Run())
	}
	if err := Serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestFinder(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	users := []*privilege.User{nil}
	if os.Geteuid() == 0 {
		users = append(users, &privilege.User{Name: "somebody", UID: 61234, GID: 61235, Groups: []int{61236}})
	} else if os.Getenv("CI") == "true" {
		t.Fatal("needs root")
	}
	for _, u := range users {
		f, err := Start(u)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			for pid, want := range map[uint32]string{uint32(os.Getpid()): own, 0: "", 1 << 30: ""} {
				if got := f.Path(pid); got != want {
					t.Errorf("as %+v: pid %d runs %q, want %q", u, pid, got, want)
				}
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got := f.Path(uint32(os.Getpid())); got != "" {
			t.Errorf("after its end: %q", got)
		}
	}
}

func TestAnswer(t *testing.T) {
	if a := answer(string(make([]byte, 1<<17))); len(a) != 2+1<<16-1 || a[0] != 0xff || a[1] != 0xff {
		t.Errorf("%d bytes, % x", len(a), a[:2])
	}
}
