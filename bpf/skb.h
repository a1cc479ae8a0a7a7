/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The payload of senders whose buffer is not in the registers of a system call:
 * sendfile, splice, io_uring, 32-bit processes, kernel threads, and sendmmsg,
 * whose registers do not tell which of the messages is sent. It is taken from the
 * socket buffer, in the sender's context, when the receiver is told of it
 * (sk_data_ready), ahead of the end of the call.
 *
 * The queue's lock is dropped by then, and a receiver that runs may take the
 * buffer away at once. So the last buffer of the queue is copied, and counts only
 * if it is still the last one afterwards: a buffer stays queued until all of it
 * is received (unix_stream_read_generic, net/unix/af_unix.c). Whatever could not
 * be had so is flagged as missing.
 */
#pragma once
#include "send.h"
#include "pages.h"

/* scratch.source */
enum skb_source {
	USER_IOVECS,	/* the caller's own array */
	SKB,		/* segments is the struct sk_buff */
};

static __always_inline long read_skb_segment(struct scratch *s, struct segment *v)
{
	struct sk_buff *skb = (void *)s->segments;
	struct skb_shared_info *info;
	struct skb_frag *f;
	struct bio_vec *b;
	__u64 frags, page;
	__u32 i = s->i;

	v->kernel = true;
	if (i == 0) {
		v->p = (__u64)BPF_CORE_READ(skb, data);
		v->len = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len);
		return 0;
	}
	info = (void *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	frags = (__u64)info + bpf_core_field_offset(struct skb_shared_info, frags);
	if (i > BPF_CORE_READ(info, nr_frags))
		return 1;
	if (bpf_core_type_exists(struct skb_frag)) {
		f = (void *)(frags + (i - 1) * bpf_core_type_size(struct skb_frag));
		page = BPF_CORE_READ(f, netmem);
		v->p = BPF_CORE_READ(f, offset);
		v->len = BPF_CORE_READ(f, len);
	} else {
		b = (void *)(frags + (i - 1) * bpf_core_type_size(struct bio_vec));
		page = (__u64)BPF_CORE_READ(b, bv_page);
		v->p = BPF_CORE_READ(b, bv_offset);
		v->len = BPF_CORE_READ(b, bv_len);
	}
	if (!pages_are_mapped())
		return 1;
	page = page_address((void *)page);
	v->p += page;
	return !page;
}

/* Notes the descriptors that a socket buffer carries. */
static __noinline int note_files(struct call *c, struct sk_buff *skb)
{
	struct unix_skb_parms *cb;
	struct scm_fp_list *fp;
	struct file **files, *f;

	if (!c || !skb)
		return 0;
	cb = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	fp = BPF_CORE_READ(cb, fp);
	if (!fp)
		return 0;
	c->ahead.fds = BPF_CORE_READ(fp, count);
	files = (void *)fp + bpf_core_field_offset(struct scm_fp_list, fp);
	for (__u32 i = 0; i < FD_TYPES && i < c->ahead.fds; i++) {
		if (bpf_probe_read_kernel(&f, sizeof(f), files + i))
			break;
		c->ahead.fd_types |= file_type(f) << (4 * i);
	}
	return 0;
}

/* Whether what sender tells receiver is wanted. */
static __always_inline bool ahead_wanted(struct call *c, struct sock *sender, struct sock *receiver)
{
	struct socket_state *st;

	if (bpf_get_current_pid_tgid() >> 32 == self_tgid)
		return false;
	if (receiver->sk_type == SOCK_DGRAM) {
		if (!sockets_wanted(c->receiver_met, judge_socket(sender, SLOT_READY)))
			return false;
	} else {
		st = state_of(receiver);
		if (!st)
			return false;
		if (!remember(st, receiver, sender, SLOT_READY))
			return false;
	}
	return !((filter_want | filter_not) & OF_TASKS) ||
	       processes_wanted(sender, receiver, c->receiver_marked, SLOT_READY);
}

/* What is read of a socket buffer that may be freed meanwhile. */
struct skb_view {
	struct sk_buff *skb;
	struct sock *sender;
	__u64 head;
	__u32 len;
};

/* Longer than any: of a freed buffer, the length may be anything. */
#define SKB_LEN_MAX (1U << 30)

/* Looks at the queue's last buffer. False if there is none, or it was taken away meanwhile. */
static __always_inline bool view_last(struct skb_view *v, struct sock *receiver)
{
	/* Not v->skb: CO-RE would look for struct skb_view in the kernel. */
	struct sk_buff *skb = BPF_CORE_READ(receiver, sk_receive_queue.prev);

	if ((void *)skb == (void *)receiver + bpf_core_field_offset(struct sock, sk_receive_queue))
		return false;
	v->skb = skb;
	v->sender = BPF_CORE_READ(skb, sk);
	v->head = (__u64)BPF_CORE_READ(skb, head);
	v->len = BPF_CORE_READ(skb, len);
	return skb == BPF_CORE_READ(receiver, sk_receive_queue.prev) && v->len <= SKB_LEN_MAX;
}

/*
 * Copies the queue's last buffer. c->ahead.failed if that can't be had whole. A
 * buffer in the same place, with the same memory, length and sender, that another
 * thread sent while the first was received, freed and copied from here, would be
 * taken for it.
 */
static __always_inline void take_ahead(struct call *c, struct sock *receiver)
{
	struct segments from = { .source = SKB };
	struct send_record r = {};
	struct skb_view v = {}, after = {};
	__u64 id = bpf_get_current_pid_tgid();
	__u32 len, done = c->ahead.len;
	int result;

	c->ahead.any = true;
	if (!view_last(&v, receiver)) {
		c->ahead.failed = true;
		return;
	}
	if (c->capped && c->capped == (__u64)v.sender && c->capped_ino == inode_of(v.sender) &&
	    bpf_ktime_get_ns() < c->capped_until)
		return;
	if (!ahead_wanted(c, v.sender, receiver))
		return;
	if (done && c->ahead.sk != (__u64)v.sender)
		c->ahead.failed = true;
	c->ahead.sk = (__u64)v.sender;
	c->ahead.len = done + v.len;
	note_files(c, v.skb);
	r.op = OP_AHEAD;
	r.sk = (__u64)v.sender;
	r.pid = id >> 32;
	r.tid = id;
	r.part = done;
	len = v.len;
	if (done >= snaplen)
		len = 0;
	else if (len > snaplen - done)
		len = snaplen - done;
	from.p = (__u64)v.skb;
	from.total = len;
	from.count = UIO_MAXIOV; /* read_skb_segment knows better */
	if (len) {
		result = submit_segments(&r, &from);
		c->ahead.failed |= result != SEGMENTS_WHOLE;
		c->ahead.full |= result == SEGMENTS_FULL;
	}
	if (!view_last(&after, receiver) || after.skb != v.skb || after.head != v.head ||
	    after.len != v.len || after.sender != v.sender)
		c->ahead.failed = true;
}

/* Whether all that a call sent was taken ahead. If so, that is told. */
static __always_inline bool submit_ahead(struct send_record *r, struct call *c, int ret)
{
	if (c->ahead.failed || c->ahead.len != ret || c->ahead.sk != r->sk)
		return false;
	r->fds = c->ahead.fds;
	r->fd_types = c->ahead.fd_types;
	r->flags |= SEND_AHEAD;
	submit_empty(r);
	return true;
}
