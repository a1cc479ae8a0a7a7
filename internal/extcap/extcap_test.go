package extcap

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		args string // between |
		want Call
	}{
		{"--extcap-interfaces|--extcap-version=4.0", Call{Interfaces: true}},
		{"--extcap-dlts|--extcap-interface|unixcap", Call{DLTs: true, Interface: "unixcap"}},
		{"--extcap-interface|unixcap|--extcap-config", Call{Config: true, Interface: "unixcap"}},
		{"--extcap-interface|unixcap|--extcap-config|--extcap-reload-option|--pid", Call{Config: true, Interface: "unixcap", Reload: "pid"}},
		{"--extcap-interface|unixcap|--extcap-capture-filter|", Call{Interface: "unixcap", HasFilter: true}},
		{"--capture|--extcap-interface|unixcap|--fifo|/tmp/f|--path||--pid|12|--follow|--extcap-capture-filter|-p 3",
			Call{Capture: true, Interface: "unixcap", Fifo: "/tmp/f", Filter: "-p 3", HasFilter: true, Args: []string{"--pid", "12", "--follow"}}},
	} {
		args := strings.Split(tt.args, "|")
		if !Asked(args) {
			t.Errorf("%s: not Wireshark's", tt.args)
		}
		got, err := Parse(args)
		if err != nil {
			t.Errorf("%s: %v", tt.args, err)
		} else if d := cmp.Diff(&tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.args, d)
		}
	}
	for _, wrong := range []string{"--capture|--extcap-interface|x", "--extcap-dlts", "--extcap-interface|x", "--extcap-interface", "--extcap-dlts|--fifo"} {
		if got, err := Parse(strings.Split(wrong, "|")); err == nil {
			t.Errorf("%s: taken for %+v", wrong, got)
		}
	}
	if Asked([]string{"-w", "x", "--", "sh", "--extcap-interfaces"}) {
		t.Error("a command's arguments are taken for Wireshark's")
	}
}

// Names of sockets and processes are others' to choose, and must not become
// something else in a sentence.
func TestConfig(t *testing.T) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.StringSlice("pid", nil, "only process `PID`, if there is one")
	f.StringSlice("type", nil, "only `TYPE`: a or b")
	f.Bool("all", false, "everything")
	f.String("backend", "auto", "how it is done (`NAME`)")
	values := func() []Value {
		return []Value{{"/run/a b", "/run/a b"}, {"/run/x}{value=evil}", "x"}, {"/run/x\nvalue {arg=0}", "x"}, {"\xff", "x"}, {"ü", "a}{call=--evil}\n"}}
	}
	controls := []Control{
		{Flag: "pid", Group: "Who", Values: values, Changing: true, Passing: true},
		{Flag: "type", Values: func() []Value { return []Value{{"a", "A"}} }, Several: true},
		{Flag: "all"},
		{Flag: "backend", Values: func() []Value { return []Value{{"auto", "auto"}, {"manual", "manual"}} }},
	}
	var b strings.Builder
	if err := WriteConfig(&b, f, controls); err != nil {
		t.Fatal(err)
	}
	const pid = `value {arg=0}{value=}{display=}{default=true}
value {arg=0}{value=/run/a b}{display=/run/a b}
value {arg=0}{value=ü}{display=a)(call=--evil) }
`
	const want = `arg {number=0}{call=--pid}{display=Only process PID}{tooltip=only process PID, if there is one (record --pid)}{type=selector}{group=Who}{reload=true}{save=false}
` + pid + `arg {number=1}{call=--type}{display=Only TYPE}{tooltip=only TYPE: a or b (record --type)}{type=multicheck}
value {arg=1}{value=a}{display=A}
arg {number=2}{call=--all}{display=Everything}{tooltip=everything (record --all)}{type=boolflag}
arg {number=3}{call=--backend}{display=How it is done}{tooltip=how it is done (NAME) (record --backend)}{type=selector}
value {arg=3}{value=auto}{display=auto}{default=true}
value {arg=3}{value=manual}{display=manual}
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	b.Reset()
	if err := WriteValues(&b, f, controls, "pid"); err != nil || b.String() != pid {
		t.Errorf("again: %v, %s", err, b.String())
	}
	if err := WriteValues(&b, f, controls, "all"); err == nil {
		t.Error("values of a control that has none")
	}
}

func TestInterfaces(t *testing.T) {
	var b strings.Builder
	i := Interface{Name: "unixcap", Display: "UNIX sockets", LinkType: 101, Link: "RAW", Version: "v1"}
	if err := i.WriteInterfaces(&b); err != nil {
		t.Fatal(err)
	}
	if err := i.WriteDLTs(&b); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"extcap {version=v1}{display=UNIX sockets}",
		"interface {value=unixcap}{display=UNIX sockets}",
		"dlt {number=101}{name=RAW}{display=RAW}",
	}
	if got := strings.Split(strings.TrimSpace(b.String()), "\n"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
