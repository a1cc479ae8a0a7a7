/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where the kernel has a page mapped. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/*
 * x86: arch/x86/include/asm/page_64.h and pgtable_64.h, variables since KASLR,
 * whose addresses user space finds (symbols.go); 0 if it does not. On arm64
 * both are constants that a kernel is compiled with.
 */
volatile const __u64 vmemmap_base_at;
volatile const __u64 page_offset_base_at;

static __always_inline bool pages_are_mapped(void)
{
	return vmemmap_base_at && page_offset_base_at;
}

/* page_address, include/linux/mm.h; 0 if that can't be read. */
static __always_inline __u64 page_address(struct page *page)
{
	__u64 map, offset;

	if (bpf_probe_read_kernel(&map, sizeof(map), (void *)vmemmap_base_at) ||
	    bpf_probe_read_kernel(&offset, sizeof(offset), (void *)page_offset_base_at))
		return 0;
	return offset + ((__u64)page - map) / bpf_core_type_size(struct page) * 4096;
}
