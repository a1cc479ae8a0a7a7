// Table makes the tables of docs/kernels.md from what the conformance program
// printed on each kernel.
//
//	table DOCUMENT RESULTS...
//
// A file of RESULTS has a console with the program's lines, among others. Its
// name is a number and where it comes from: `1 Debian trixie, virtual machine`.
// In DOCUMENT, what is between `<!-- results` and `<!-- end` is replaced.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: table DOCUMENT RESULTS...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(document string, results []string) error {
	t := newTable()
	for _, name := range results {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		_, where, _ := strings.Cut(filepath.Base(name), " ")
		if err := t.read(where, string(b)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	old, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	text, err := replace(string(old), t.String())
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	if bytes.Equal(old, []byte(text)) {
		return nil
	}
	return os.WriteFile(document, []byte(text), 0o644)
}

// replace puts a text between the document's two marks.
func replace(document, text string) (string, error) {
	const begin, end = "<!-- results", "<!-- end"
	i := strings.Index(document, begin)
	j := strings.Index(document, end)
	if i < 0 || j < i {
		return "", errors.New("it has no lines that begin with " + begin + " and " + end)
	}
	i += strings.IndexByte(document[i:], '\n') + 1
	return document[:i] + text + document[j:], nil
}
