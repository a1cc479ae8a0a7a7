package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notes is what people wrote below the numbers; it stays.
const notes = "\n## Notes\n"

// A document is the page of results.
type document struct{ b strings.Builder }

func (d *document) section(title, text string) {
	fmt.Fprintf(&d.b, "\n## %s\n", title)
	d.text(text)
}

func (d *document) text(text string) { fmt.Fprintf(&d.b, "\n%s\n", text) }

// table writes rows, the first of which is the head.
func (d *document) table(rows [][]string) {
	d.b.WriteByte('\n')
	for i, row := range rows {
		fmt.Fprintf(&d.b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			d.b.WriteString("| ---" + strings.Repeat(" | ---:", len(row)-1) + " |\n")
		}
	}
}

// head is the page's title.
func (d *document) head() {
	fmt.Fprintf(&d.b, "# Benchmarks\n\nWritten by `make bench` on %s. "+
		"What is compared was measured in turn, %d times; the numbers are medians.\n", machine(), *rounds)
}

// machine says where and when this was measured.
func machine() string {
	var u unix.Utsname
	check(unix.Uname(&u))
	info, err := os.ReadFile("/proc/cpuinfo")
	check(err)
	_, model, _ := strings.Cut(string(info), "model name\t: ")
	model, _, _ = strings.Cut(model, "\n")
	memory, err := os.ReadFile("/proc/meminfo")
	check(err)
	kib := number(strings.Fields(string(memory))[1])
	virtual := ""
	if strings.Contains(string(info), " hypervisor") {
		virtual = ", a virtual machine"
	}
	return fmt.Sprintf("%s: %s, %d CPUs%s, %d GiB of memory, Linux %s",
		time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(model), bytes.Count(info, []byte("processor\t:")), virtual,
		kib>>20, unix.ByteSliceToString(u.Release[:]))
}

// write replaces what a file has above the notes, or if only analysing or
// the decoders were measured, that section.
func (d *document) write(name string) error {
	old, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	above, kept, ok := strings.Cut(string(old), notes)
	page := d.b.String()
	if *decoding {
		above, _, _ = strings.Cut(above, decodersTitle)
		page = strings.TrimRight(above, "\n") + "\n" + page
	} else if *analyze {
		above, _, _ = strings.Cut(above, "\n## Analysing\n") // it is the last one
		page = above + page
	}
	if ok {
		page += notes + kept
	}
	return os.WriteFile(name, []byte(page), 0o644)
}
