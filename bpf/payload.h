/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Copying a sender's buffers into the ring buffer. */
#pragma once
#include "storage.h"

/* The longest payload of one record. A power of two: the verifier wants masks. */
#define PART_MAX 32768

/*
 * A record's size must be a constant for bpf_ringbuf_reserve, so there is one
 * function for each of a few sizes. -1: the ring buffer is full.
 */
#define SUBMIT(CAP)                                                            \
	static __noinline int submit_##CAP(struct send_record *r, __u64 p)      \
	{                                                                      \
		struct {                                                       \
			struct send_record r;                                  \
			char payload[CAP];                                     \
		} *e;                                                          \
		__u32 n;                                                       \
                                                                               \
		if (!r)                                                        \
			return -1;                                             \
		n = r->part_len;                                               \
		e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);                 \
		if (!e)                                                        \
			return -1;                                             \
		e->r = *r;                                                     \
		barrier_var(n);                                                \
		if (n > CAP)                                                   \
			n = CAP;                                               \
		if (n && bpf_probe_read_user(e->payload, n, (void *)p)) {      \
			r->flags |= SEND_FAULT | SEND_LAST;                    \
			e->r.flags = r->flags;                                 \
			e->r.part_len = 0;                                     \
		}                                                              \
		bpf_ringbuf_submit(e, wakeup());                               \
		return 0;                                                      \
	}
SUBMIT(64)
SUBMIT(256)
SUBMIT(1024)
SUBMIT(4096)
SUBMIT(16384)
SUBMIT(32768)

/* The counters are a CPU's own, but programs may preempt each other on it. */
static __always_inline void count(__u64 *counter, __u64 n)
{
	__sync_fetch_and_add(counter, n);
}

/* The ring buffer had no room for r, and rest bytes from there on are lost. */
static __always_inline void count_lost(struct send_record *r, __u64 rest)
{
	struct loss *l = loss(r->kind);

	if (!l)
		return;
	if (r->op == OP_AHEAD) /* counted when the call returns */
		return;
	if (r->part) {
		count(&l->ring_bytes, rest);
		return;
	}
	count(&l->ring_messages, 1);
	if (r->ret > 0)
		count(&l->ring_bytes, r->ret);
}

static __always_inline void count_fault(struct send_record *r, __u64 rest)
{
	struct loss *l = loss(r->kind);

	if (!l || r->op == OP_AHEAD)
		return;
	count(&l->fault_messages, 1);
	count(&l->fault_bytes, rest);
}

/*
 * One part, with rest bytes from its start to the message's end. Other than 0:
 * there is no use in further parts.
 */
GLOBAL int submit(struct send_record *r, __u64 p, __u64 rest)
{
	__u32 n;
	int err;

	if (!r)
		return 1;
	n = r->part_len;
	if (n <= 64)
		err = submit_64(r, p);
	else if (n <= 256)
		err = submit_256(r, p);
	else if (n <= 1024)
		err = submit_1024(r, p);
	else if (n <= 4096)
		err = submit_4096(r, p);
	else if (n <= 16384)
		err = submit_16384(r, p);
	else
		err = submit_32768(r, p);
	if (err) {
		count_lost(r, rest);
		return 1;
	}
	if (r->flags & SEND_FAULT) {
		count_fault(r, rest);
		return 1;
	}
	return 0;
}

/* A record that carries no payload: an empty or failed message. */
static __always_inline int submit_empty(struct send_record *r)
{
	r->part = 0;
	r->part_len = 0;
	r->flags |= SEND_LAST;
	return submit(r, 0, 0);
}

static __always_inline void submit_no_buffer(struct send_record *r)
{
	struct loss *l = loss(r->kind);

	if (l && r->ret > 0) {
		count(&l->no_buffer_messages, 1);
		count(&l->no_buffer_bytes, r->ret);
	}
	r->flags |= SEND_NO_BUFFER;
	submit_empty(r);
}

/* A message whose payload found no room in the ring buffer. */
static __always_inline void submit_full(struct send_record *r)
{
	struct loss *l = loss(r->kind);

	r->flags |= SEND_NO_BUFFER;
	if (!submit_empty(r) && l) /* otherwise it is counted */
		count(&l->ring_bytes, r->ret);
}

/* The part of a message of total bytes that is at off. Not 0: it is the last. */
static __always_inline int submit_part(struct send_record *r, __u64 p, __u64 total, __u64 off)
{
	__u64 rest = total - off, n = rest;
	int err;

	if (n > PART_MAX)
		n = PART_MAX;
	else
		r->flags |= SEND_LAST;
	r->part = off;
	r->part_len = n;
	err = submit(r, p + off, rest);
	barrier_var(err); /* clang knows that it is 0 or 1, the verifier does not */
	return err != 0 || rest <= PART_MAX;
}

/* MAX_RW_COUNT, include/linux/fs.h: no call sends more than 2 GiB, which is 2^16 parts. */
#define PARTS_MAX (0x80000000ULL / PART_MAX)
#define PARTS_A_RUN 16
#define PART_RUNS 256

/* Some parts of this thread's message, from off on. Not 0: the last one is among them. */
__noinline int submit_parts(__u64 p, __u64 total, __u64 off)
{
	struct call *c = known_call();

	if (!c)
		return 1;
	for (int i = 0; i < PARTS_A_RUN; i++, off += PART_MAX)
		if (off >= total || submit_part(&c->record, p, total, off))
			return 1;
	return 0;
}

__noinline int submit_run(__u64 p, __u64 total, __u64 off)
{
	for (int i = 0; i < PART_RUNS; i++, off += PARTS_A_RUN * PART_MAX)
		if (submit_parts(p, total, off))
			return 1;
	return 0;
}

__noinline int submit_long(__u64 p, __u64 total)
{
	__u64 off = 0;

	for (int i = 0; i < PARTS_MAX / PARTS_A_RUN / PART_RUNS; i++) {
		if (submit_run(p, total, off))
			break;
		off += PART_RUNS * PARTS_A_RUN * PART_MAX;
	}
	return 0;
}

/* One contiguous buffer of total bytes, the message of this thread's call. */
static __always_inline void submit_buffer(struct send_record *r, __u64 p, __u64 total)
{
	if (total <= PART_MAX)
		submit_part(r, p, total, 0);
	else
		submit_long(p, total);
}

/*
 * Several buffers are gathered in a scratch buffer, since the verifier can't
 * follow a changing offset into a reserved record. The payload is twice PART_MAX
 * long so that an offset and a length, each below PART_MAX, stay inside together.
 *
 * The state of the gathering is here too and not on the stack, so that the
 * verifier does not follow each way through it.
 *
 * A program is not migrated to another CPU, but others may preempt it
 * (kernel/bpf/trampoline.c, __bpf_prog_enter_recur), so that each takes one of
 * the CPU's scratch buffers that nobody has and gives it back. A kprobe's program
 * is not preempted (trace_call_bpf, kernel/trace/bpf_trace.c).
 */
#ifdef KPROBE
#define SCRATCHES 1 /* a CPU */
#else
#define SCRATCHES 4
#endif

struct scratch {
	struct send_record r;
	char payload[2 * PART_MAX];
	__u64 segments;		/* address of the first */
	__u64 in_segment;	/* bytes of the present one that are done */
	__u64 left;		/* bytes still to be read */
	__u32 count;		/* segments */
	__u32 i;
	__u32 fill;
	__u32 source;		/* the backend's own: how to read a segment */
	__u32 stop;		/* the ring buffer is full */
	__u32 taken;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCHES); /* user space multiplies by the CPUs */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct segment {
	__u64 p;
	__u64 len;
	bool kernel; /* p is not the caller's address but the kernel's */
};

/* Reads segment s->i; not 0 if that fails. Each backend has its own. */
static __always_inline long read_segment(struct scratch *s, struct segment *v);

/* Not 0 if the ring buffer is full. */
static __noinline int gather_flush(struct scratch *s)
{
	__u32 n;

	if (!s)
		return 1;
	n = s->fill;
	barrier_var(n);
	if (n > PART_MAX)
		n = PART_MAX;
	s->r.part_len = n;
	if (bpf_ringbuf_output(&ring, s, sizeof(s->r) + n, wakeup())) {
		count_lost(&s->r, n + s->left);
		s->stop = true;
		return 1;
	}
	s->r.part += n;
	s->fill = 0;
	return 0;
}

/* Takes what is left of a segment, or as much as a part has room for. Not 0: that was all. */
static __noinline int gather_segment(struct scratch *s)
{
	struct segment v = {};
	__u64 rest, n;
	__u32 fill;
	long err = 0;

	if (!s || s->i >= s->count || !s->left)
		return 1;
	if (read_segment(s, &v))
		return 1;
	rest = v.len > s->in_segment ? v.len - s->in_segment : 0;
	if (!rest) {
		s->i++;
		s->in_segment = 0;
		return 0;
	}
	if (s->fill >= PART_MAX && gather_flush(s))
		return 1;
	fill = s->fill;
	if (rest > s->left)
		rest = s->left;
	n = PART_MAX - fill;
	if (n > rest)
		n = rest;
	v.p += s->in_segment;
	barrier_var(fill);
	barrier_var(n);
	if (fill < PART_MAX && n <= PART_MAX) {
		if (v.kernel)
			err = bpf_probe_read_kernel(s->payload + fill, n, (void *)v.p);
		else
			err = bpf_probe_read_user(s->payload + fill, n, (void *)v.p);
	}
	if (err)
		return 1;
	s->fill = fill + n;
	s->in_segment += n;
	s->left -= n;
	return 0;
}

/* Each step ends a segment or a part, or passes an empty rest. */
#define STEPS_MAX (2 * UIO_MAXIOV + PARTS_MAX)
#define STEPS_A_RUN 8
#define STEP_RUNS 128

/* Some steps with a scratch buffer. Not 0: that was all. */
__noinline int gather_steps(__u32 key)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);

	for (int i = 0; i < STEPS_A_RUN; i++)
		if (gather_segment(s))
			return 1;
	return 0;
}

__noinline int gather_run(__u32 key)
{
	for (int i = 0; i < STEP_RUNS; i++)
		if (gather_steps(key))
			return 1;
	return 0;
}

struct segments {
	__u64 p;
	__u64 in_segment;	/* bytes of the first segment before the message */
	__u64 total;		/* bytes to read */
	__u32 count;
	__u32 source;
};

#ifdef KPROBE
static __always_inline struct scratch *take_scratch(__u32 *key)
{
	*key = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&scratches, key);
}

static __always_inline void give_back(struct scratch *s) {}
#else
static __always_inline struct scratch *take_scratch(__u32 *key)
{
	struct scratch *s;

	*key = SCRATCHES * bpf_get_smp_processor_id();
	for (int i = 0; i < SCRATCHES; i++, (*key)++) {
		s = bpf_map_lookup_elem(&scratches, key);
		if (s && !__sync_lock_test_and_set(&s->taken, 1))
			return s;
	}
	return NULL;
}

static __always_inline void give_back(struct scratch *s)
{
	__sync_lock_test_and_set(&s->taken, 0);
}
#endif

enum segments_result {
	SEGMENTS_WHOLE,
	SEGMENTS_UNREAD,	/* not all could be read */
	SEGMENTS_FULL,		/* the ring buffer is full */
};

/* The message that is in several segments. r->part says where it goes on. */
GLOBAL int submit_segments(struct send_record *r, const struct segments *from)
{
	struct scratch *s;
	int result = SEGMENTS_WHOLE;
	__u32 key;

	if (!r || !from)
		return SEGMENTS_UNREAD;
	s = take_scratch(&key);
	if (!s && r->op == OP_AHEAD)
		return SEGMENTS_UNREAD;
	if (!s) {
		r->flags |= SEND_FAULT;
		submit_empty(r);
		count_fault(r, from->total);
		return SEGMENTS_UNREAD;
	}
	s->r = *r;
	s->segments = from->p;
	s->in_segment = from->in_segment;
	s->left = from->total;
	s->count = from->count > UIO_MAXIOV ? UIO_MAXIOV : from->count;
	s->source = from->source;
	s->i = s->fill = s->stop = 0;
	for (int i = 0; i <= STEPS_MAX / STEPS_A_RUN / STEP_RUNS; i++)
		if (gather_run(key))
			break;
	if (!s->stop) {
		s->r.flags |= SEND_LAST;
		if (s->left)
			s->r.flags |= SEND_FAULT;
		if (!gather_flush(s) && s->left)
			count_fault(&s->r, s->left);
	}
	if (s->stop)
		result = SEGMENTS_FULL;
	else if (s->left)
		result = SEGMENTS_UNREAD;
	give_back(s);
	return result;
}

/* The first bytes of n that the snap length lets through. */
static __always_inline __u64 snap(__u64 n)
{
	return n > snaplen ? snaplen : n;
}
