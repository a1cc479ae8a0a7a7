package output

import "github.com/spf13/pflag"

// FlagUsages is pflag's list of the flags for a terminal of 80 columns, without
// the [=true|false] behind each that takes no value.
func FlagUsages(f *pflag.FlagSet) string {
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Value.Type() == "bool" {
			flag.Value = toggle{flag.Value}
		}
	})
	return f.FlagUsagesWrapped(79)
}

// A toggle is a bool of which pflag says less.
type toggle struct{ pflag.Value }

// Type is what pflag calls a flag that is like a bool but has no values.
func (toggle) Type() string { return "boolfunc" }
