/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where a message is that a send function of AF_UNIX got: its msg_iter. It is
 * noted before the function copies the bytes, since that moves it along.
 */
#pragma once
#include "send.h"
#include "pages.h"

/* Where the bytes are: location.source and scratch.source. */
enum source {
	UNKNOWN,
	BUFFER,		/* the caller's */
	IOVECS,		/* a kernel's copy of the caller's segments */
	KVECS,		/* the kernel's own memory */
	BVECS,		/* pages: sendfile, splice, io_uring's registered buffers */
	PAGE,		/* or several that are next to each other */
};

#define ITER_IS(type, name)                                                    \
	(bpf_core_enum_value_exists(enum iter_type, name) &&                   \
	 (type) == bpf_core_enum_value(enum iter_type, name))

static __always_inline long read_segment(struct scratch *s, struct segment *v)
{
	struct iovec iov; /* and struct kvec */
	struct bio_vec *b;
	__u64 page;

	switch (s->source) {
	case BVECS:
		b = (void *)(s->segments + s->i * bpf_core_type_size(struct bio_vec));
		page = page_address(BPF_CORE_READ(b, bv_page));
		v->p = page + BPF_CORE_READ(b, bv_offset);
		v->len = BPF_CORE_READ(b, bv_len);
		v->kernel = true;
		return !page;
	case PAGE:
		v->p = page_address((void *)s->segments);
		v->len = s->in_segment + s->left;
		v->kernel = true;
		return !v->p;
	default:
		if (bpf_probe_read_kernel(&iov, sizeof(iov),
					  (void *)(s->segments + s->i * sizeof(iov))))
			return 1;
		v->p = (__u64)iov.iov_base;
		v->len = iov.iov_len;
		v->kernel = s->source == KVECS;
		return 0;
	}
}
/*
 * Reads msg_iter. Its types' numbers differ between kernels, and ITER_UBUF is
 * new in 6.0: include/linux/uio.h.
 */
static __always_inline void locate(struct msghdr *msg, struct location *at)
{
	struct iov_iter *it = &msg->msg_iter;
	struct iov_iter___old *old = (void *)it;
	struct iov_iter___v513 *v513 = (void *)it;
	__u32 type, size = 0;

	if (bpf_core_field_exists(it->iter_type))
		type = BPF_CORE_READ(it, iter_type);
	else
		type = BPF_CORE_READ(v513, type) & ~1; /* READ, WRITE */

	__builtin_memset(at, 0, sizeof(*at));
	at->in_segment = BPF_CORE_READ(it, iov_offset);
	at->segments = BPF_CORE_READ(it, nr_segs);
	if (ITER_IS(type, ITER_UBUF)) {
		at->source = BUFFER;
		at->base = (__u64)BPF_CORE_READ(it, ubuf);
	} else if (ITER_IS(type, ITER_IOVEC)) {
		at->source = IOVECS;
		at->base = bpf_core_field_exists(old->iov) ? (__u64)BPF_CORE_READ(old, iov)
							   : (__u64)BPF_CORE_READ(it, __iov);
		size = sizeof(struct iovec);
	} else if (ITER_IS(type, ITER_KVEC)) {
		at->source = KVECS;
		at->base = (__u64)BPF_CORE_READ(it, kvec);
		size = sizeof(struct kvec);
	} else if (ITER_IS(type, ITER_BVEC) && pages_are_mapped()) {
		at->source = BVECS;
		at->base = (__u64)BPF_CORE_READ(it, bvec);
		size = bpf_core_type_size(struct bio_vec);
	}
	/* iov_iter_advance, lib/iov_iter.c, moves to a segment and counts down. */
	at->whole = at->base + (__u64)at->segments * size;
}

static __always_inline void submit_located(struct send_record *r, struct location *at, __u64 n)
{
	struct segments from = {
		.p = at->base,
		.in_segment = at->in_segment,
		.total = n,
		.count = at->segments,
		.source = at->source,
	};

	struct iovec first;
	__u64 p = 0;

	if (at->source == BUFFER)
		p = at->base + at->in_segment;
	else if (at->source == IOVECS && /* mostly one: no need to gather */
		 !bpf_probe_read_kernel(&first, sizeof(first), (void *)at->base) &&
		 first.iov_len >= at->in_segment + n)
		p = (__u64)first.iov_base + at->in_segment;
	if (p)
		submit_buffer(r, p, n);
	else if (at->source == UNKNOWN)
		submit_no_buffer(r);
	else
		submit_segments(r, &from);
}

/* What was accepted of what is there; an error, or nothing, if nothing was. */
static __always_inline void submit_accepted(struct call *c, struct location *at)
{
	int ret = noted_ret(c);

	if (ret > 0)
		submit_located(&c->record, at, snap(ret));
	else
		submit_empty(&c->record);
}

/* The same of a message, with what else it has. */
static __always_inline void submit_message(struct call *c, struct location *at, struct msghdr *msg)
{
	read_control((__u64)BPF_CORE_READ(msg, msg_control), BPF_CORE_READ(msg, msg_controllen),
		     false);
	submit_accepted(c, at);
}
