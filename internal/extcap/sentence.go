package extcap

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Interface is what can be captured on.
type Interface struct {
	Name     string // for the command line
	Display  string // for the window
	LinkType int    // as in pcap
	Link     string // the link type's name, without LINKTYPE_
	Version  string // of the program
}

// WriteInterfaces answers Call.Interfaces.
func (i *Interface) WriteInterfaces(w io.Writer) error {
	// A display is in both, since the toolbars' menu is made of the first one.
	_, err := fmt.Fprintf(w, "%s\n%s\n",
		sentence("extcap", "version", i.Version, "display", i.Display),
		sentence("interface", "value", i.Name, "display", i.Display))
	return err
}

// WriteDLTs answers Call.DLTs.
func (i *Interface) WriteDLTs(w io.Writer) error {
	_, err := fmt.Fprintln(w, sentence("dlt", "number", strconv.Itoa(i.LinkType), "name", i.Link, "display", i.Link))
	return err
}

// sentence makes a sentence of names and values. An empty value is left out.
func sentence(kind string, pairs ...string) string {
	var b strings.Builder
	b.WriteString(kind + " ")
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			b.WriteString("{" + pairs[i] + "=" + plain(pairs[i+1]) + "}")
		}
	}
	return b.String()
}

// plain is a text as a sentence can have it: there are no escapes, and a brace
// ends a value.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '{':
			return '('
		case r == '}':
			return ')'
		case !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, s)
}

// sayable reports whether a value comes back from Wireshark as it is.
func sayable(s string) bool { return utf8.ValidString(s) && plain(s) == s }
