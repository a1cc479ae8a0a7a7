/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where the kernel has a page mapped. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/asm/page_64.h and pgtable_64.h; variables since KASLR. */
extern void vmemmap_base __ksym __weak;
extern void page_offset_base __ksym __weak;

static __always_inline bool pages_are_mapped(void)
{
	return &vmemmap_base && &page_offset_base;
}

/* page_address, include/linux/mm.h; 0 if that can't be read. */
static __always_inline __u64 page_address(struct page *page)
{
	__u64 map, offset;

	if (bpf_probe_read_kernel(&map, sizeof(map), &vmemmap_base) ||
	    bpf_probe_read_kernel(&offset, sizeof(offset), &page_offset_base))
		return 0;
	return offset + ((__u64)page - map) / bpf_core_type_size(struct page) * 4096;
}
#else
/* On arm64 both are constants that a kernel is compiled with. */
static __always_inline bool pages_are_mapped(void)
{
	return false;
}

static __always_inline __u64 page_address(struct page *page)
{
	return 0;
}
#endif
