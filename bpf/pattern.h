/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Names that are wanted: what sockets are bound to and what processes are called,
 * as patterns with * and ?.
 */
#pragma once
#include "event.h"
#include "sock.h"

/* Bits of filter_want and filter_not. filter.go has the same order. */
enum condition_kind {
	BY_SK,
	BY_INODE,
	BY_NETNS,
	BY_TYPE,
	BY_PATH,
	BY_PID,
	BY_COMM,
	BY_UID,
	BY_GID,
	BY_CGROUP,
};
#define KIND(k) (1U << (k))
#define OF_SOCKETS (KIND(BY_SK) | KIND(BY_INODE) | KIND(BY_NETNS) | KIND(BY_TYPE) | KIND(BY_PATH))
#define OF_TASKS (KIND(BY_PID) | KIND(BY_COMM) | KIND(BY_UID) | KIND(BY_GID) | KIND(BY_CGROUP))
#define EXCLUDED (1U << 31) /* beside the kinds that a socket meets */

/* What the maps say of a value, a process or a socket. */
enum verdict {
	WANT = 1,
	NOT = 2,
};

/* Patterns: a text with * and ?, or for a path a file's device and inode. */
#define PATTERNS_MAX 512
struct pattern {
	__u32 len;
	__u32 dev; /* new_encode_dev's or the kernel's own numbering: see Go */
	__u64 ino; /* 0: the text only */
	__u32 kind; /* BY_PATH, BY_COMM */
	__u32 verdict;
	char text[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PATTERNS_MAX);
	__type(key, __u32);
	__type(value, struct pattern);
} patterns SEC(".maps");

/*
 * A name being matched with the patterns. It is in a map, not on the stack, so
 * that the verifier takes the positions for any numbers and does not follow
 * each way through the loop.
 */
struct name {
	__u32 len;
	__u32 in_pattern, in_name;
	__u32 star, star_name; /* where to go on if what follows * fails */
	__u32 matched;
	char text[UNIX_PATH_MAX + 20]; /* a power of two, for the verifier */
};

/* Each program that reads names has a slot of its own. */
enum slot {
	SLOT_RECV,
	SLOT_READY,
	SLOT_PAGE,
	SLOT_STREAM,				/* also seqpacket */
	SLOT_DGRAM = SLOT_STREAM + COPIES,	/* after each copy's */
	SLOTS = SLOT_DGRAM + COPIES,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct name);
} names SEC(".maps");

/* One step of matching: the usual loop with one place to go back to. True: it is decided. */
static __always_inline bool match_step(struct name *n, struct pattern *p)
{
	__u32 pi = n->in_pattern, ni = n->in_name;
	char c = 0;

	if (pi < p->len) {
		c = p->text[pi & 127];
		if (c == '*') {
			n->star = n->in_pattern = pi + 1;
			n->star_name = ni;
			return false;
		}
	}
	if (ni >= n->len) {
		n->matched = pi >= p->len;
		return true;
	}
	if (pi < p->len && (c == '?' || c == n->text[ni & 127])) {
		n->in_pattern = pi + 1;
		n->in_name = ni + 1;
		return false;
	}
	if (!n->star)
		return true;
	n->in_pattern = n->star;
	n->in_name = ++n->star_name;
	return false;
}

/* Backtracking can visit each pair of positions once, which is 128 * 128 steps. */
#define MATCH_STEPS 16
#define MATCH_RUNS 32

/* Some steps of matching the name in a slot. Not 0: it is decided. */
__noinline int match_steps(__u32 slot, __u32 pattern)
{
	struct pattern *p = bpf_map_lookup_elem(&patterns, &pattern);
	struct name *n = bpf_map_lookup_elem(&names, &slot);

	if (!n || !p)
		return 1;
	for (int i = 0; i < MATCH_STEPS; i++)
		if (match_step(n, p))
			return 1;
	return 0;
}

__noinline int match_run(__u32 slot, __u32 pattern)
{
	for (int i = 0; i < MATCH_RUNS; i++)
		if (match_steps(slot, pattern))
			return 1;
	return 0;
}

/* Whether the name in a slot matches a pattern. */
__noinline int match_name(__u32 slot, __u32 pattern)
{
	struct name *n = bpf_map_lookup_elem(&names, &slot);

	if (!n)
		return 0;
	n->in_pattern = n->in_name = n->star = n->star_name = n->matched = 0;
	for (int i = 0; i < MATCH_RUNS; i++)
		if (match_run(slot, pattern))
			break;
	return n->matched;
}

#define PATTERNS_A_RUN 16

/* What some patterns of one kind, from first on, say of the name in a slot, or of a file. */
__noinline int judge_run(__u32 slot, __u32 kind, __u64 ino, __u32 dev, __u32 first)
{
	int verdict = 0;

	for (__u32 i = 0; i < PATTERNS_A_RUN; i++) {
		__u32 key = first + i;
		struct pattern *p = bpf_map_lookup_elem(&patterns, &key);

		if (!p || key >= filter_patterns)
			break;
		if (p->kind != kind)
			continue;
		if ((p->ino && p->ino == ino && p->dev == dev) || match_name(slot, key))
			verdict |= p->verdict;
	}
	return verdict;
}

/* What all of them say. */
static __always_inline __u32 judge_name(__u32 slot, __u32 kind, __u64 ino, __u32 dev)
{
	__u32 verdict = 0;

	for (__u32 first = 0; first < PATTERNS_MAX && first < filter_patterns; first += PATTERNS_A_RUN)
		verdict |= judge_run(slot, kind, ino, dev, first);
	return verdict;
}

/* What the path patterns say of the name or the file that sk is bound to. */
static __always_inline __u32 judge_path(struct sock *sk, __u32 slot)
{
	struct unix_sock *u = (void *)sk;
	struct name *n = bpf_map_lookup_elem(&names, &slot);
	struct dentry *d;
	__u64 ino = 0;
	__u32 dev = 0;

	if (!n)
		return 0;
	n->len = read_path(sk, n->text);
	if (!n->len)
		return 0;
	if (!n->text[0])
		n->text[0] = '@'; /* abstract, as ss and /proc/net/unix write it */
	else if (n->len <= UNIX_PATH_MAX && !n->text[(n->len - 1) & 127])
		n->len--; /* the length of a path may count its NUL */
	d = BPF_CORE_READ(u, path.dentry);
	if (d) {
		ino = BPF_CORE_READ(d, d_inode, i_ino);
		dev = BPF_CORE_READ(d, d_inode, i_sb, s_dev);
	}
	return judge_name(slot, BY_PATH, ino, dev);
}

static __always_inline __u32 judge_comm(const char *comm, __u32 slot)
{
	struct name *n = bpf_map_lookup_elem(&names, &slot);

	if (!n)
		return 0;
	__builtin_memcpy(n->text, comm, TASK_COMM_LEN);
	n->len = 0;
	for (int i = 0; i < TASK_COMM_LEN - 1 && comm[i]; i++)
		n->len = i + 1;
	return judge_name(slot, BY_COMM, 0, 0);
}
