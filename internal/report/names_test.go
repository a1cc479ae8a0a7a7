package report

import (
	"strings"
	"testing"
)

// Names fill a line, and what has no room in it is counted.
func TestNamesText(t *testing.T) {
	many := names{{"cron[5000] uid 1001", 1}}
	for _, s := range []string{"a", "b", "c", "d"} {
		many.add("shop[4242"+s+"] uid 1000", 20)
	}
	for _, c := range []struct {
		list names
		want string
	}{
		{nil, ""},
		{names{{"root", 12}, {"app", 1300}}, "app 1,300, root 12"},
		{names{{strings.Repeat("long", 30), 1}}, strings.Repeat("long", 30) + " 1"},
		{many, "shop[4242a] uid 1000 20, shop[4242b] uid 1000 20, and 3 more"},
	} {
		if got := string(c.list.appendText(nil)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
