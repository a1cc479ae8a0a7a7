/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where the kernel has a page mapped. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/*
 * x86: arch/x86/include/asm/page_64.h and pgtable_64.h. User space finds them
 * (pages.go), or leaves them 0. On arm64 both are constants that a kernel is
 * compiled with.
 */
volatile const __u64 vmemmap_base;
volatile const __u64 page_offset_base;

static __always_inline bool pages_are_mapped(void)
{
	return vmemmap_base && page_offset_base;
}

/* page_address, include/linux/mm.h */
static __always_inline __u64 page_address(struct page *page)
{
	return page_offset_base +
	       ((__u64)page - vmemmap_base) / bpf_core_type_size(struct page) * 4096;
}
