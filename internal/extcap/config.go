package extcap

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/pflag"
)

// A Control is a flag that is in the interface's dialogue. What is said of it
// there is what its help says.
type Control struct {
	Flag  string
	Group string // the page of the dialogue
	// Values are those that it can have, nil if any. Several makes a choice of
	// more than one possible. Changing says that they can be asked for again, and
	// that none is a choice too.
	Values   func() []Value
	Several  bool
	Changing bool
	// Passing says that the value is not worth remembering: it is of this
	// machine now.
	Passing bool
}

// A Value is one that a Control can have.
type Value struct{ Value, Display string }

// WriteConfig answers Call.Config: the controls for flags of f.
func WriteConfig(w io.Writer, f *pflag.FlagSet, controls []Control) error {
	for i := range controls {
		if err := controls[i].write(w, f, i); err != nil {
			return err
		}
	}
	return nil
}

// WriteValues answers Call.Reload.
func WriteValues(w io.Writer, f *pflag.FlagSet, controls []Control, flag string) error {
	for i := range controls {
		if c := &controls[i]; c.Flag == flag && c.Values != nil {
			return c.writeValues(w, i, f.Lookup(flag).DefValue)
		}
	}
	return fmt.Errorf("--extcap-reload-option %s: not a choice that can change", flag)
}

func (c *Control) write(w io.Writer, f *pflag.FlagSet, number int) error {
	flag := f.Lookup(c.Flag)
	name, usage := pflag.UnquoteUsage(flag)
	kind := c.kind(flag)
	reload, save, placeholder := "", "", ""
	if c.Changing {
		reload = "true"
	}
	if c.Passing {
		save = "false"
	}
	if kind == "string" {
		placeholder = name
	}
	_, err := fmt.Fprintln(w, sentence("arg", "number", strconv.Itoa(number), "call", "--"+c.Flag, "display", label(usage),
		"tooltip", usage+" (record --"+c.Flag+")", "type", kind, "group", c.Group,
		"reload", reload, "save", save, "placeholder", placeholder))
	if err != nil || c.Values == nil {
		return err
	}
	return c.writeValues(w, number, flag.DefValue)
}

// kind is the control's, which the flag's type and its values decide. Numbers are
// texts too, since Wireshark's own are 0 when nothing is given.
func (c *Control) kind(flag *pflag.Flag) string {
	switch {
	case flag.Value.Type() == "bool":
		return "boolflag"
	case c.Several:
		return "multicheck"
	case c.Values != nil:
		return "selector"
	}
	return "string"
}

func (c *Control) writeValues(w io.Writer, number int, chosen string) error {
	if c.Changing {
		if _, err := fmt.Fprintf(w, "value {arg=%d}{value=}{display=}{default=true}\n", number); err != nil {
			return err
		}
	}
	for _, v := range c.Values() {
		if !sayable(v.Value) {
			continue
		}
		isDefault := ""
		if v.Value == chosen {
			isDefault = "true"
		}
		if _, err := fmt.Fprintln(w, sentence("value", "arg", strconv.Itoa(number), "value", v.Value, "display", v.Display, "default", isDefault)); err != nil {
			return err
		}
	}
	return nil
}

// label is the beginning of a flag's usage, as the name of a control.
func label(usage string) string {
	if i := strings.IndexAny(usage, ",;:("); i > 0 {
		usage = strings.TrimSpace(usage[:i])
	}
	r := []rune(usage)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}
