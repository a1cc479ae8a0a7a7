package bpf

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// kernelTypes has the running kernel's type information, which takes long to
// decode: once for all that is loaded.
var kernelTypes = btf.NewCache()

func loadCollection(spec *ebpf.CollectionSpec) (*ebpf.Collection, error) {
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: kernelTypes})
}

// loadProgram loads one program that has no maps.
func loadProgram(spec *ebpf.ProgramSpec) (*ebpf.Program, error) {
	coll, err := loadCollection(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{spec.Name: spec}})
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram(spec.Name), nil
}
