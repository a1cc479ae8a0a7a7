package bpf

import (
	"github.com/cilium/ebpf"
)

func loadCollection(spec *ebpf.CollectionSpec, o ebpf.ProgramOptions) (*ebpf.Collection, error) {
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: o, Cache: kernelTypes})
}

// loadProgram loads one program that has no maps.
func loadProgram(spec *ebpf.ProgramSpec) (*ebpf.Program, error) {
	coll, err := loadCollection(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{spec.Name: spec}}, ebpf.ProgramOptions{})
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram(spec.Name), nil
}
