package report

import "testing"

func TestNamed(t *testing.T) {
	for _, tt := range []struct{ op, request, want string }{
		{"query", "select 1", "query select 1"},
		{"quit", "", "quit"},
		{"connect", "connect", "connect"},
		{"set", "SET user:1 x", "SET user:1 x"},
		{"config|set", "config set maxmemory 1", "config set maxmemory 1"},
		{"get", "getset a b", "get getset a b"},
	} {
		if got := string(named(tt.op, tt.request)); got != tt.want {
			t.Errorf("named(%q, %q) is %q, want %q", tt.op, tt.request, got, tt.want)
		}
	}
}
