//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The fentry backend: trampolines on AF_UNIX's own send functions, which see
 * every sender, the message and the result. The message's buffers are noted at
 * the entry, since the kernel moves msg_iter along as it copies, and read at the
 * exit, when it is known how many bytes were taken. unix_seqpacket_sendmsg ends
 * in unix_stream_sendmsg.
 */
#include "send.h"
#include "receive.h"
#include "pages.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SEND_SHUTDOWN 2

/* Where the bytes are: call.source and scratch.source. */
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
	__u32 type = BPF_CORE_READ(it, iter_type), size = 0;

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

/*
 * A program that is preempted keeps others from running it on that CPU until it
 * goes on (struct bpf_prog's active, kernel/bpf/trampoline.c), and what they send
 * meanwhile would be missed. Where the kernel preempts, there are several copies
 * of each program: the first that runs does the work, and to be missed a send
 * needs as many preempted programs as there are copies.
 */

/* Notes where the message is before msg_iter moves. */
static __always_inline void begin_send(struct msghdr *msg)
{
	struct call *c = current_call();

	if (!c || (c->msg == (__u64)msg && !c->done))
		return; /* another copy has */
	begin_call(c);
	locate(msg, &c->at);
	c->msg = (__u64)msg;
}

/*
 * Whether another copy has recorded the message. If not, this one does. Without
 * a place to remember that none does, so that it is not recorded twice.
 */
static __always_inline bool done(struct call *c, struct sock *sk, const void *msg, __u32 copy)
{
	if (!c) {
		if (!copy)
			count_unknown(BPF_CORE_READ(sk, sk_type));
		return true;
	}
	if (c->msg == (__u64)msg) {
		if (c->done)
			return true;
	} else { /* it began before it was watched */
		begin_call(c);
		c->entry = 0;
		c->msg = (__u64)msg;
	}
	c->done = true;
	return false;
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

static __always_inline void end_send(struct socket *sock, struct msghdr *msg, int ret, __u32 slot,
				     __u32 copy)
{
	struct sock *sk = sock->sk;
	struct location now, at = {};
	struct call *c;
	__u64 n;

	if (!sk)
		return;
	c = current_call();
	if (done(c, sk, msg, copy))
		return;
	/* If this call's beginning was missed, c is of one before. */
	locate(msg, &now);
	if (now.source == c->at.source && now.whole == c->at.whole)
		at = c->at;
	if (!sent(sk, ret, c, slot + copy))
		return;
	ret = noted_ret(c);
	n = ret > 0 ? snap(ret) : 0;
	read_control(&c->record, (__u64)BPF_CORE_READ(msg, msg_control),
		     BPF_CORE_READ(msg, msg_controllen), false);
	if (n)
		submit_located(&c->record, &at, n);
	else
		submit_empty(&c->record);
}

#define COPY(n)                                                                \
	SEC("fentry/unix_stream_sendmsg")                                      \
	int BPF_PROG(stream_entry_##n, struct socket *sock, struct msghdr *msg) \
	{                                                                      \
		begin_send(msg);                                               \
		return 0;                                                      \
	}                                                                      \
                                                                               \
	SEC("fexit/unix_stream_sendmsg")                                       \
	int BPF_PROG(stream_exit_##n, struct socket *sock, struct msghdr *msg, \
		     unsigned long len, int ret)                               \
	{                                                                      \
		end_send(sock, msg, ret, SLOT_STREAM, n);                      \
		return 0;                                                      \
	}                                                                      \
                                                                               \
	SEC("fentry/unix_dgram_sendmsg")                                       \
	int BPF_PROG(dgram_entry_##n, struct socket *sock, struct msghdr *msg) \
	{                                                                      \
		begin_send(msg);                                               \
		return 0;                                                      \
	}                                                                      \
                                                                               \
	SEC("fexit/unix_dgram_sendmsg")                                        \
	int BPF_PROG(dgram_exit_##n, struct socket *sock, struct msghdr *msg,  \
		     unsigned long len, int ret)                               \
	{                                                                      \
		end_send(sock, msg, ret, SLOT_DGRAM, n);                       \
		return 0;                                                      \
	}
COPY(0)
COPY(1)
COPY(2)
COPY(3)

static __always_inline void begin_page(struct page *page)
{
	struct call *c = current_call();

	if (!c)
		return;
	begin_call(c);
	c->msg = (__u64)page;
}

static __always_inline void end_page(struct socket *sock, struct page *page, int offset, int ret)
{
	struct location at = {
		.source = pages_are_mapped() ? PAGE : UNKNOWN,
		.base = (__u64)page,
		.in_segment = offset,
		.segments = 1,
	};
	struct sock *sk = sock->sk;
	struct call *c;

	if (!sk)
		return;
	c = current_call();
	if (done(c, sk, page, 0)) /* there is one copy only, for old kernels */
		return;
	if (!sent(sk, ret, c, SLOT_PAGE))
		return;
	ret = noted_ret(c);
	if (ret > 0)
		submit_located(&c->record, &at, snap(ret));
	else
		submit_empty(&c->record);
}

/* Until 6.4: what sendfile and splice send on a stream, page by page. */
SEC("fentry/unix_stream_sendpage")
int BPF_PROG(page_entry, struct socket *sock, struct page *page)
{
	begin_page(page);
	return 0;
}

SEC("fexit/unix_stream_sendpage")
int BPF_PROG(page_exit, struct socket *sock, struct page *page, int offset, unsigned long size,
	     int flags, int ret)
{
	end_page(sock, page, offset, ret);
	return 0;
}

/* sk_data_ready of all AF_UNIX sockets. */
SEC("fentry/sock_def_readable")
int BPF_PROG(readable, struct sock *sk)
{
	struct call *c;

	if (!is_unix(sk) || sk->sk_type == SOCK_STREAM)
		return 0;
	c = current_call();
	if (c)
		datagram_ready(c, sk);
	return 0;
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(stream_received, struct socket *sock, struct msghdr *msg, unsigned long size,
	     int flags, int ret)
{
	struct sock *sk = sock->sk;

	if (sk)
		received(sk, ret, flags);
	return 0;
}

/* What splice and sendfile take off a stream does not go through recvmsg. */
SEC("fexit/unix_stream_splice_read")
int BPF_PROG(stream_spliced, struct socket *sock, __s64 *pos, void *pipe, unsigned long size,
	     unsigned int flags, int ret)
{
	struct sock *sk = sock->sk;

	if (sk)
		received(sk, ret, 0);
	return 0;
}

SEC("fentry/unix_release")
int BPF_PROG(released, struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (sk)
		closed(sk, inode_of(sk));
	return 0;
}

SEC("fexit/unix_shutdown")
int BPF_PROG(shut_down, struct socket *sock, int mode, int ret)
{
	struct sock *sk = sock->sk;

	if (sk && ret == 0 && (mode + 1) & SEND_SHUTDOWN)
		closed(sk, inode_of(sk));
	return 0;
}
