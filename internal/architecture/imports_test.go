package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "unixcap"

// A goPackage is what `go list` tells of a package.
type goPackage struct {
	ImportPath string
	Name       string
	Imports    []string
	Deps       []string
}

// ours are the packages of this module that a package imports.
func (p *goPackage) ours() []string { return slices.DeleteFunc(slices.Clone(p.Imports), foreign) }

func foreign(importPath string) bool {
	return importPath != module && !strings.HasPrefix(importPath, module+"/")
}

// within reports whether a package is in one of the module's folders.
func within(importPath string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return importPath == module+"/"+folder || strings.HasPrefix(importPath, module+"/"+folder+"/")
	})
}

// stages are the packages that a message goes through, from the kernel into a
// file and out of it. Each may import those before it.
var stages = []string{"pcapng", "bpf", "internal/capture", "internal/sockets", "internal/recorder", "internal/foreign", "internal/stream", "internal/report"}

// stage returns a package's place in stages, -1 if it has none.
func stage(importPath string) int {
	return slices.IndexFunc(stages, func(folder string) bool { return within(importPath, folder) })
}

func packages(t *testing.T) []*goPackage {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Name,Imports,Deps", module+"/...")
	list.Stderr = t.Output()
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []*goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := new(goPackage)
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	rules := []struct {
		rule    string
		allowed func(p *goPackage, imported string) bool
	}{
		{"nothing imports a command", func(_ *goPackage, imported string) bool {
			return !within(imported, "cmd")
		}},
		{"pcapng knows nothing of ours", func(p *goPackage, imported string) bool {
			return !within(p.ImportPath, "pcapng")
		}},
		{"a decoder knows only the contract and what several protocols carry; all knows the decoders", func(p *goPackage, imported string) bool {
			switch {
			case !within(p.ImportPath, "decoders"), imported == module+"/decoders":
				return true
			case within(imported, "decoders/sql", "decoders/uri", "decoders/httpsemantics"): // which several protocols carry
				return true
			case p.ImportPath == module+"/decoders/http": // a connection may change from one to the other
				return imported == module+"/decoders/http2"
			case within(p.ImportPath, "decoders/all"):
				return within(imported, "decoders")
			}
			return false
		}},
		{"data runs one way", func(p *goPackage, imported string) bool {
			from, to := stage(p.ImportPath), stage(imported)
			return from < 0 || to < from
		}},
		{"what reads captures does not know how they are made", func(p *goPackage, imported string) bool {
			return !within(p.ImportPath, "internal/stream", "internal/report") ||
				!within(imported, "bpf", "internal/sockets", "internal/recorder")
		}},
	}
	all := packages(t)
	for _, r := range rules {
		t.Run(r.rule, func(t *testing.T) {
			for _, p := range all {
				for _, imported := range p.ours() {
					if !r.allowed(p, imported) {
						t.Errorf("%s imports %s", p.ImportPath, imported)
					}
				}
			}
		})
	}
}

// A capture can be read on a machine that has nothing to do with the kernel's
// side, so nothing of it belongs in analyze.
func TestAnalyzeNeedsNoKernel(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"/cmd/analyze" {
			continue
		}
		for _, d := range p.Deps {
			if within(d, "bpf") || strings.HasPrefix(d, "github.com/cilium/ebpf") {
				t.Errorf("analyze depends on %s", d)
			}
		}
		return
	}
	t.Error("there is no cmd/analyze")
}

// A package is named after what it is about.
func TestPackageNames(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "misc", "shared"}
	for _, p := range packages(t) {
		for _, name := range []string{p.Name, path.Base(p.ImportPath)} {
			if slices.Contains(empty, name) {
				t.Errorf("%s: %q says nothing about what belongs there", p.ImportPath, name)
			}
		}
	}
}
