package bpf

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// attach attaches all programs, those at a function's beginning before those at
// its end: an end is of use only if its beginning was seen.
func (t *Tap) attach(spec *ebpf.CollectionSpec) error {
	names := slices.Sorted(maps.Keys(t.coll.Programs))
	for _, returns := range []bool{false, true} {
		for _, name := range names {
			p := spec.Programs[name]
			if isReturn(p) != returns {
				continue
			}
			l, err := t.attachOne(p, t.coll.Programs[name])
			if err != nil {
				return err
			}
			t.links = append(t.links, l)
		}
	}
	return nil
}

// isReturn reports whether a program runs when a function returns.
func isReturn(p *ebpf.ProgramSpec) bool {
	return strings.HasPrefix(p.SectionName, "fexit/") || strings.HasPrefix(p.SectionName, "kretprobe/")
}

func (t *Tap) attachOne(spec *ebpf.ProgramSpec, p *ebpf.Program) (io.Closer, error) {
	what := "attach " + spec.SectionName
	switch {
	case spec.Type == ebpf.RawTracepoint:
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: spec.AttachTo, Program: p})
		if err != nil {
			return nil, explain(what, err)
		}
		return l, nil
	case spec.Type == ebpf.Kprobe && isReturn(spec):
		return t.attachKretprobe(spec, p)
	case spec.Type == ebpf.Kprobe:
		l, err := link.Kprobe(spec.AttachTo, p, nil)
		if err != nil {
			return nil, explain(what, err)
		}
		return l, nil
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: p})
	if err != nil {
		return nil, explain(what, err)
	}
	return l, nil
}

// attachKretprobe attaches by tracefs, or if that is not there or not allowed
// with the few calls at once that the kernel allows otherwise.
func (t *Tap) attachKretprobe(spec *ebpf.ProgramSpec, p *ebpf.Program) (io.Closer, error) {
	what := "attach " + spec.SectionName
	if t.retprobes == nil && t.fewCalls == nil {
		t.retprobes, t.fewCalls = openRetprobes()
	}
	if t.fewCalls != nil {
		l, err := link.Kretprobe(spec.AttachTo, p, nil)
		if err != nil {
			return nil, explain(what, err)
		}
		return l, nil
	}
	l, err := t.retprobes.attach(spec.Name, spec.AttachTo, p)
	if err != nil {
		return nil, explain(what, err)
	}
	return l, nil
}

// fewCallsNote says what is missed where many threads wait in a call at once.
func (t *Tap) fewCallsNote() string {
	return fmt.Sprintf("misses messages of many threads that wait at once (%v)", t.fewCalls)
}

// Notes says what is not as it could be with the backend that was taken: why the
// kernel did not take those that are preferred to it, and what it lacks.
func (t *Tap) Notes() []string {
	var notes []string
	for i, err := range t.passed {
		next := t.backend
		if i+1 < len(t.passed) {
			next = Backends[i+1]
		}
		notes = append(notes, fmt.Sprintf("%v; trying %s", err, next))
	}
	if t.fewCalls != nil {
		notes = append(notes, fmt.Sprintf("backend %s %s", t.backend, t.fewCallsNote()))
	}
	return notes
}
