package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// So many sockets and threads that send have room in hash maps. A socket beyond
// that is counted as Loss.StateMessages; the thread that sent the longest ago is
// forgotten.
const (
	hashedSockets = 1 << 16
	hashedThreads = 1 << 14
)

// chooseStorage decides where the programs keep what they know of sockets and of
// calls: storage.h says why.
func chooseStorage(spec *ebpf.CollectionSpec, name Backend, types *btf.Spec) error {
	sockets := name == Kprobe
	calls := sockets
	if !calls {
		// Since 6.2 a thread's storage can be had whatever was preempted there.
		old, err := lacks[*btf.Func](types, "bpf_task_storage_get_recur")
		if err != nil {
			return err
		}
		calls = old
	}
	if sockets {
		makeHash(spec.Maps["socket_states"], ebpf.Hash, 8, hashedSockets)
	}
	if calls {
		makeHash(spec.Maps["calls"], ebpf.LRUHash, 4, hashedThreads)
	}
	noFetch := errors.Is(haveFetch(), ebpf.ErrNotSupported)
	if noFetch {
		removeFetch(spec)
	}
	for name, value := range map[string]bool{"hash_sockets": sockets, "hash_calls": calls, "no_fetch": noFetch} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return preallocate(spec, types)
}

// removeFetch takes out the instructions that old kernels refuse even where they
// are never reached, as behind no_fetch.
func removeFetch(spec *ebpf.CollectionSpec) {
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			ins := &p.Instructions[i]
			if ins.OpCode.AtomicOp() == asm.FetchAdd {
				instead := asm.Mov.Imm(ins.Src, 0)
				instead.Metadata = ins.Metadata
				*ins = instead
			}
		}
	}
}

// makeHash turns a map of sockets' or threads' storage into a hash map.
func makeHash(m *ebpf.MapSpec, as ebpf.MapType, keySize, entries uint32) {
	m.Type, m.KeySize, m.MaxEntries, m.Flags = as, keySize, entries, 0
	m.Key, m.Value = nil, nil // the key's type is another's
}

// preallocate has hash maps take their memory at once where tracing programs must
// not ask for it later: before 6.1 (kernel/bpf/memalloc.c).
func preallocate(spec *ebpf.CollectionSpec, types *btf.Spec) error {
	old, err := lacks[*btf.Func](types, "bpf_mem_alloc_init")
	if !old || err != nil {
		return err
	}
	for _, m := range spec.Maps {
		if m.Type == ebpf.Hash {
			m.Flags &^= noPrealloc
		}
	}
	return nil
}

// noPrealloc is BPF_F_NO_PREALLOC, include/uapi/linux/bpf.h.
const noPrealloc = 1
