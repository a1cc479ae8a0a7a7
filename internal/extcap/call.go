// Package extcap speaks Wireshark's interface to programs that capture for it:
// what Wireshark asks by arguments, and the sentences it is answered with.
// Wireshark's doc/extcap.4 and doc/README.extcap describe both.
package extcap

import (
	"errors"
	"fmt"
	"strings"
)

// A Call is what Wireshark asks for.
type Call struct {
	Interfaces bool   // which interfaces there are
	Interface  string // the one that all the rest is about
	DLTs       bool   // its link types
	Config     bool   // the controls of its dialogue
	Reload     string // with Config: only the values of this control, which is a flag's name
	Capture    bool   // packets into Fifo
	Fifo       string
	// Filter is the capture filter. Without Capture Wireshark wants to know
	// whether it is one, HasFilter says.
	Filter    string
	HasFilter bool
	// Args is what the controls are set to, as arguments.
	Args []string
}

// Asked reports whether these are arguments of Wireshark's.
func Asked(args []string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		if strings.HasPrefix(a, "--extcap-") {
			return true
		}
	}
	return false
}

// Parse reads the arguments of a call.
func Parse(args []string) (*Call, error) {
	c := new(Call)
	ignored := new(string)
	values := map[string]*string{
		"--extcap-interface": &c.Interface, "--fifo": &c.Fifo,
		"--extcap-capture-filter": &c.Filter, "--extcap-reload-option": &c.Reload,
		// Wireshark's version makes no difference, and there is no toolbar.
		"--extcap-version": ignored, "--extcap-control-in": ignored, "--extcap-control-out": ignored,
	}
	asked := map[string]*bool{
		"--extcap-interfaces": &c.Interfaces, "--extcap-dlts": &c.DLTs,
		"--extcap-config": &c.Config, "--capture": &c.Capture,
	}
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		if b := asked[name]; b != nil && !joined {
			*b = true
			continue
		}
		v := values[name]
		if v == nil && i+1 < len(args) && strings.HasPrefix(name, "--") && args[i+1] == "" {
			i++ // a choice of nothing
			continue
		}
		if v == nil {
			c.Args = append(c.Args, args[i])
			continue
		}
		if !joined {
			if i++; i == len(args) {
				return nil, fmt.Errorf("%s: the value is missing", name)
			}
			value = args[i]
		}
		*v = value
		c.HasFilter = c.HasFilter || v == &c.Filter
	}
	c.Reload = strings.TrimLeft(c.Reload, "-") // Wireshark has the control's call there
	return c, c.check()
}

func (c *Call) check() error {
	switch {
	case c.Interfaces:
		return nil
	case c.Interface == "":
		return errors.New("--extcap-interface is missing")
	case c.Capture && c.Fifo == "":
		return errors.New("--capture: --fifo is missing")
	case !c.DLTs && !c.Config && !c.Capture && !c.HasFilter:
		return errors.New("nothing is asked of the interface: there are --extcap-dlts, --extcap-config, --capture and --extcap-capture-filter")
	}
	return nil
}
