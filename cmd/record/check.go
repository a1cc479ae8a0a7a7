package main

import (
	"fmt"
	"io"
	"strings"

	"unixcap/bpf"
	"unixcap/internal/sandbox"

	"github.com/cilium/ebpf/btf"
)

// checkWidth is how wide the answer is; nothing in it is worth more.
const checkWidth = 80

// check prints what recording would find here. The status is 0 if there is a
// backend that works.
func check(w io.Writer, types *btf.Spec) (int, error) {
	offer := bpf.Check(types)
	kernel, hardware, _ := kernelName()
	var b strings.Builder
	column(&b, "kernel", kernel+" "+hardware)
	for _, f := range offer.Facts {
		column(&b, f.Name, f.Value)
	}
	landlock := "version " + fmt.Sprint(sandbox.ABI())
	if sandbox.ABI() == 0 {
		landlock = "no: record goes on without its sandbox"
	}
	column(&b, "landlock", landlock)
	taken := offer.Taken()
	for _, o := range offer.Backends {
		verdict := "works"
		switch {
		case o.Err != nil:
			verdict = "no: " + o.Err.Error()
		case o.Name == taken:
			verdict = "works, and is taken"
		}
		if o.Note != "" {
			verdict += "; " + o.Note
		}
		fmt.Fprintln(&b)
		column(&b, "backend "+string(o.Name), verdict)
		for _, h := range o.Hooks {
			column(&b, "  "+h.Name, h.Value)
		}
	}
	status := 0
	if taken == "" {
		status = exitFailed
		fmt.Fprint(&b, "\nNothing can be recorded here.\n")
	}
	_, err := io.WriteString(w, b.String())
	if err = unlessClosed(err); err != nil {
		status = exitFailed
	}
	return status, err
}

// column prints a name and its value, which goes on below itself if it is long.
func column(b *strings.Builder, name, value string) {
	const indent = 24
	fmt.Fprintf(b, "%-*s", indent-1, name)
	at := indent - 1
	for _, word := range strings.Fields(value) {
		if at >= indent && at+1+len(word) > checkWidth {
			fmt.Fprintf(b, "\n%*s", indent-1, "")
			at = indent - 1
		}
		b.WriteString(" " + word)
		at += 1 + len(word)
	}
	b.WriteByte('\n')
}
