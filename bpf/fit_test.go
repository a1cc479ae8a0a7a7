package bpf

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// Linux 5.8 takes the kprobe backend: it knows no types of programs' arguments,
// no storage of sockets and threads, no instructions that fetch.
func TestKprobeIsOld(t *testing.T) {
	spec, err := loadKprobe()
	if err != nil {
		t.Fatal(err)
	}
	// Types of a kernel that has none of the later functions.
	types := spec.Types
	if err := chooseStorage(spec, Kprobe, types); err != nil {
		t.Fatal(err)
	}
	removeFetch(spec)
	for name, p := range spec.Programs {
		if p.Type != ebpf.Kprobe && p.Type != ebpf.RawTracepoint {
			t.Errorf("%s is a program of type %v", name, p.Type)
		}
		for i, ins := range p.Instructions {
			switch op := ins.OpCode.AtomicOp(); {
			case op != asm.InvalidAtomic && op != asm.AddAtomic:
				t.Errorf("%s: instruction %d is %v", name, i, ins)
			case ins.IsLoadOfFunctionPointer():
				t.Errorf("%s: instruction %d loads a function (since 5.13)", name, i)
			}
		}
	}
	for name, m := range spec.Maps {
		switch m.Type {
		case ebpf.Hash:
			if m.Flags != 0 {
				t.Errorf("map %s asks for memory when it needs it", name)
			}
		case ebpf.LRUHash, ebpf.Array, ebpf.PerCPUArray, ebpf.RingBuf:
		default:
			t.Errorf("map %s is a %v", name, m.Type)
		}
	}
}

// Global functions with pointers are refused before 5.12.
func TestKprobeGlobals(t *testing.T) {
	spec, err := loadKprobe()
	if err != nil {
		t.Fatal(err)
	}
	for types := range spec.Types.All() {
		f, ok := types.(*btf.Func)
		if !ok || f.Linkage != btf.GlobalFunc || spec.Programs[f.Name] != nil {
			continue
		}
		for _, p := range f.Type.(*btf.FuncProto).Params {
			if _, pointer := btf.UnderlyingType(p.Type).(*btf.Pointer); pointer {
				t.Errorf("%s has a pointer %s", f.Name, p.Name)
			}
		}
	}
}

func TestNames(t *testing.T) {
	if got := Names(); got != "fentry, kprobe and tracepoint" || strings.Contains(got, string(Auto)) {
		t.Errorf("%q", got)
	}
}
