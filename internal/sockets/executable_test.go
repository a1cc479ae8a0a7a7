package sockets

import "testing"

// What may look instead is asked, and not believed if the process was gone
// meanwhile: the pid may be another's.
func TestExecutableByAnother(t *testing.T) {
	m := newMachine(t)
	m.process(7, minute, "a", "/bin/wrong", "0::/a\n")
	m.process(8, minute, "b", "/bin/wrong", "0::/b\n")
	i := NewInspector(m.root)
	i.Executable = func(pid uint32) string {
		if pid == 8 {
			m.process(8, 2*minute, "c", "/bin/c", "0::/c\n")
		}
		return "/bin/right"
	}
	t.Cleanup(i.Start())
	if p := ask(t, i, 7, 0, 0); p.Origin == nil || p.Origin.Exe != "/bin/right" {
		t.Errorf("%+v", p.Origin)
	}
	if p := ask(t, i, 8, 0, 0); p.Origin != nil && p.Origin.Exe != "" {
		t.Errorf("%+v", p.Origin)
	}
}
