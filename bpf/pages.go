package bpf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// A pageMap says where the kernel has all memory mapped, and the struct pages
// of it. It is zero if that is not known: then what is in pages cannot be
// recorded.
type pageMap struct {
	PageOffsetBase, VmemmapBase uint64
	Right                       uint64
}

// pages returns where pages are, on a kernel with these types (Options.Types). It
// takes longer than most at the start, so it is begun early; it is found out once.
func pages(types *btf.Spec) (pageMap, error) {
	pagesOnce.Do(func() {
		if runtime.GOARCH != "amd64" {
			return // on arm64 both are constants that a kernel is compiled with
		}
		var symbols map[string]uint64
		if symbols, pagesErr = pageSymbols(); pagesErr == nil {
			pagesFound, pagesErr = provePages(symbols, types)
		}
	})
	return pagesFound, pagesErr
}

var (
	pagesOnce  sync.Once
	pagesFound pageMap
	pagesErr   error
)

// MapsPages reports whether it is known where pages are. types is nil, or
// Options.Types.
func MapsPages(types *btf.Spec) (bool, error) {
	m, err := pages(types)
	return m.Right == 1, err
}

// pageSymbols returns the addresses of the kernel's variables that say where pages
// are, 0 for one that the kernel does not have or does not show.
func pageSymbols() (map[string]uint64, error) {
	addresses := map[string]uint64{"vmemmap_base": 0, "page_offset_base": 0}
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("read the kernel's symbols: %w", err)
	}
	defer f.Close()
	left := len(addresses)
	lines := bufio.NewScanner(bufio.NewReaderSize(f, 1<<18))
	for left > 0 && lines.Scan() {
		line := lines.Bytes() // ffffffff82a3c1d0 D page_offset_base
		i := bytes.LastIndexByte(line, ' ')
		if _, ok := addresses[string(line[i+1:])]; !ok || i < 2 {
			continue
		}
		if addresses[string(line[i+1:])], err = strconv.ParseUint(string(line[:i-2]), 16, 64); err != nil {
			return nil, fmt.Errorf("read the kernel's symbols: %w", err)
		}
		left--
	}
	return addresses, lines.Err()
}

// provePages returns where pages are if that is right for every process, or for
// this one where the kernel has no iterators.
func provePages(symbols map[string]uint64, types *btf.Spec) (pageMap, error) {
	spec, err := loadSockets()
	if err != nil {
		return pageMap{}, err
	}
	for name, address := range symbols {
		if err := spec.Variables[name+"_at"].Set(address); err != nil {
			return pageMap{}, err
		}
	}
	if types != nil {
		return proveOwnPages(spec, types)
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{"check_page_map": spec.Programs["check_page_map"]}
	spec.Maps = map[string]*ebpf.MapSpec{".rodata": spec.Maps[".rodata"]}
	coll, err := loadCollection(spec, ebpf.ProgramOptions{})
	if err != nil {
		return pageMap{}, explain("load", err)
	}
	defer coll.Close()
	it, err := link.AttachIter(link.IterOptions{Program: coll.Programs["check_page_map"]})
	if err != nil {
		return pageMap{}, explain("attach check_page_map", err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		return pageMap{}, err
	}
	defer r.Close()
	var all pageMap
	for in := bufio.NewReader(r); ; {
		var m pageMap
		switch err := binary.Read(in, binary.LittleEndian, &m); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return pageMap{}, fmt.Errorf("look where pages are: %w", err)
		case m.Right == 0:
			return pageMap{}, nil
		}
		all = m
	}
}

func proveOwnPages(spec *ebpf.CollectionSpec, types *btf.Spec) (pageMap, error) {
	coll, err := runOnce(spec, "check_own_page_map", types, "page_maps")
	if err != nil {
		return pageMap{}, fmt.Errorf("look where pages are: %w", err)
	}
	defer coll.Close()
	var m pageMap
	if err := coll.Maps["page_maps"].Lookup(uint32(0), &m); err != nil {
		return pageMap{}, fmt.Errorf("look where pages are: %w", err)
	}
	if m.Right == 0 {
		return pageMap{}, nil
	}
	return m, nil
}
