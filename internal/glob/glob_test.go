package glob

import "testing"

func TestMatchPath(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"mysql.sock", "/var/lib/mysql/mysql.sock", true},
		{"/var/*", "/var/lib/mysql/mysql.sock", true},
		{"/var/*.sock", "/var/lib/mysql/mysql.sock", true},
		{"*mysql*", "/var/lib/mysql/other", true},
		{"mysql", "/var/lib/mysql/mysql.sock", false},
		{"/lib/*", "/var/lib/x", false},
		{"@hello", "@hello", true},
		{"hello", "@hello", true},
		{"h?ll[a-o]", "@hello", true},
		{"[", "[", false},
	} {
		if got := MatchPath(tt.pattern, tt.name); got != tt.want {
			t.Errorf("MatchPath(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}

func TestStars(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"x[1].*", "/run/x[1].sock", true},
		{"x[1].*", "/run/x1.sock", false},
		{`a\b?`, `/run/a\bc`, true},
		{`a\?`, "/run/a?", false},
	} {
		if got := MatchPath(Stars(tt.pattern), tt.name); got != tt.want {
			t.Errorf("MatchPath(Stars(%q), %q) = %v", tt.pattern, tt.name, got)
		}
	}
}
