package bpf

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// pageSymbols returns the addresses of two variables of the kernel, by which the
// programs find where a page is mapped. They are 0 where the kernel does not have
// them, or does not show them: then what is in pages cannot be recorded. Reading
// the list takes longer than all else at the start, so it is begun early.
var pageSymbols = sync.OnceValues(func() (addresses map[string]uint64, err error) {
	addresses = map[string]uint64{"vmemmap_base": 0, "page_offset_base": 0}
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("read the kernel's symbols: %w", err)
	}
	defer f.Close()
	left := len(addresses)
	lines := bufio.NewScanner(bufio.NewReaderSize(f, 1<<18))
	for left > 0 && lines.Scan() {
		// ffffffff82a3c1d0 D page_offset_base
		line := lines.Bytes()
		i := bytes.LastIndexByte(line, ' ')
		if _, ok := addresses[string(line[i+1:])]; !ok || i < 2 {
			continue
		}
		n, err := strconv.ParseUint(string(line[:i-2]), 16, 64)
		if err != nil {
			return nil, fmt.Errorf("read the kernel's symbols: %w", err)
		}
		addresses[string(line[i+1:])] = n
		left--
	}
	return addresses, lines.Err()
})
