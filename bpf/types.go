package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// kernelTypes has the kernel's type information, which takes long to decode:
// once for all that is loaded.
var kernelTypes = btf.NewCache()

// ownTypes returns what the running kernel says of its types.
func ownTypes() (*btf.Spec, error) {
	types, err := kernelTypes.Kernel()
	if errors.Is(err, ebpf.ErrNotSupported) {
		return nil, fmt.Errorf("read the kernel's types: %w (this kernel was built without CONFIG_DEBUG_INFO_BTF; --btf FILE gives them)", ebpf.ErrNotSupported)
	}
	if err != nil {
		return nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	return types, nil
}

// ReadTypes reads a kernel's types from a file: BTF, or an ELF file such as
// vmlinux that has a section with it.
func ReadTypes(file string) (*btf.Spec, error) {
	types, err := btf.LoadSpec(file)
	if err != nil {
		return nil, fmt.Errorf("read types from %s: %w", file, err)
	}
	for _, name := range []string{"unix_sock", "task_struct", "iov_iter"} {
		absent, err := lacks[*btf.Struct](types, name)
		if err != nil {
			return nil, err
		}
		if absent {
			return nil, fmt.Errorf("read types from %s: no struct %s (these are not a kernel's, or one without UNIX sockets)", file, name)
		}
	}
	return types, nil
}

// lacks reports whether there is no such T among the types.
func lacks[T btf.Type](types *btf.Spec, name string) (bool, error) {
	var t T
	err := types.TypeByName(name, &t)
	if err != nil && !errors.Is(err, btf.ErrNotFound) {
		return false, fmt.Errorf("look up %s: %w", name, err)
	}
	return err != nil, nil
}
