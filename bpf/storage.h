/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is remembered of each socket and of each call. The kernel has storage that
 * goes with a socket or a thread, but not for everyone: a kprobe's program has
 * numbers for arguments, not sockets; and before 6.2 a thread's storage can't be
 * had on a CPU where another thread was preempted while it got its own
 * (bpf_task_storage_trylock, kernel/bpf/bpf_task_storage.c). There hash maps do:
 * user space makes these maps such ones (storage.go).
 */
#pragma once
#include "event.h"

enum state_flags {
	STATE_DESCRIBED = 1,	/* its socket_record is out */
	STATE_ENDED = 2,	/* its peer's close_record is out */
	STATE_HOLDER = 4,	/* described with who holds it */
};

/*
 * Several threads use a socket at once, and may add to its flags at once, of which
 * some can be lost: then something is told again. What must not be lost, or seen
 * half done, is in a word of its own that is written once all is known.
 */
enum judged {
	JUDGED = 1,		/* it stays so as long as the peer does */
	JUDGED_WANTED = 2,	/* by the conditions on sockets */
	JUDGED_BITS = 3,	/* which are free in an address */
};
#define MET (1U << 30) /* in socket_state.met: it is found out */

struct socket_state {
	__u64 sent;	/* place() */
	__u64 offset;	/* of a message not long ago, and its number */
	__u64 received;	/* bytes */
	__u64 recorded;	/* bytes, for the caps */
	__u64 second;	/* when the present one began, ns */
	__u64 in_second; /* bytes recorded in it */
	__u64 judged;	/* the peer's address, and enum judged of both */
	__u32 ino;
	__u32 peer_ino;
	__u32 met;	/* judge_socket's, of this end, and MET */
	__u32 seq;
	__u32 flags;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_state);
} socket_states SEC(".maps");

/* Where a message's bytes are, as its msg_iter has it. */
struct location {
	__u64 base;		/* the only buffer, or the first of the segments */
	__u64 whole;		/* a number that stays as msg_iter moves */
	__u64 in_segment;	/* bytes before the message */
	__u32 segments;
	__u32 source;
};

/* What the tracepoint backend took ahead of a call's end: skb.h. */
struct ahead {
	__u64 sk;	/* the sender */
	__u64 fd_types;
	__u32 fds;
	__u32 len;	/* bytes */
	bool failed;	/* not all of them */
	bool any;	/* it was tried */
	bool full;	/* the ring buffer was full */
};

/* Where the tracepoint backend supposes sendmmsg to be; p is 0 if it is in none. */
struct vector {
	__u64 p;
	__u64 count;
	__u32 index;	/* of the next message */
	__s32 ret;	/* of the one before */
};

/* What is remembered from the start of a thread's call to its end. */
struct call {
	struct send_record record; /* not on the stack, which is short */
	__u64 entry;
	__u64 receiver;		/* of a datagram, with its inode */
	__u32 receiver_ino;
	__u32 receiver_met;	/* judge_socket's */
	__u32 receiver_marked;	/* verdict on the processes that hold it */
	struct ahead ahead;	/* tracepoint */
	struct vector vector;
	__u64 capped;		/* a socket that has its share recorded, and its inode */
	__u32 capped_ino;
	__u64 capped_until;
	/* fentry and kprobe */
	__u64 msg;		/* address of the message */
	bool done;		/* and it is recorded */
	struct location at;
	/* kprobe */
	__u64 sock;
	bool open;		/* it has begun and not ended */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

/* A call in which nothing is: what a hash map's elements begin with. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call);
} no_call SEC(".maps");

/* Whether the maps are hash maps, by sock and by thread id. */
volatile const bool hash_sockets;
volatile const bool hash_calls;

/* The state of a socket, NULL if there is none. */
static __always_inline struct socket_state *known_state(struct sock *sk)
{
	__u64 key = (__u64)sk;

	if (hash_sockets)
		return bpf_map_lookup_elem(&socket_states, &key);
	return bpf_sk_storage_get(&socket_states, sk, 0, 0);
}

/*
 * The state of a socket, made if there is none yet. Of two threads that make it
 * at once one gets NULL, and finds the other's when it looks again.
 */
static __always_inline struct socket_state *state_of(struct sock *sk)
{
	struct socket_state *st, none = {};
	__u64 key = (__u64)sk;

	if (hash_sockets) {
		st = bpf_map_lookup_elem(&socket_states, &key);
		if (st)
			return st;
		bpf_map_update_elem(&socket_states, &key, &none, BPF_NOEXIST);
		return bpf_map_lookup_elem(&socket_states, &key);
	}
	st = bpf_sk_storage_get(&socket_states, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return st ? st : bpf_sk_storage_get(&socket_states, sk, 0, 0);
}

/* The call that this thread makes, NULL if none was noted. */
static __always_inline struct call *known_call(void)
{
	__u32 tid = bpf_get_current_pid_tgid();

	if (hash_calls)
		return bpf_map_lookup_elem(&calls, &tid);
	return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, 0);
}

/* The same, made if there is none. */
static __always_inline struct call *current_call(void)
{
	__u32 tid = bpf_get_current_pid_tgid(), zero = 0;
	struct call *c, *none;

	if (!hash_calls)
		return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0,
					    BPF_LOCAL_STORAGE_GET_F_CREATE);
	c = bpf_map_lookup_elem(&calls, &tid);
	if (c)
		return c;
	none = bpf_map_lookup_elem(&no_call, &zero);
	if (!none)
		return NULL;
	bpf_map_update_elem(&calls, &tid, none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&calls, &tid);
}

/*
 * Before 5.12 no atomic instruction tells the old value. An element that only one
 * can make is a lock then: a kprobe's program is not preempted, so that another
 * CPU has it for a moment only. User space takes out the instruction (storage.go).
 */
volatile const bool no_fetch;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} locks SEC(".maps");

#define LOCK_TRIES 64

__noinline int try_lock(__u64 sk)
{
	__u8 held = 1;

	for (int i = 0; i < LOCK_TRIES; i++)
		if (!bpf_map_update_elem(&locks, &sk, &held, BPF_NOEXIST))
			return 1;
	return 0;
}

__noinline int lock(__u64 sk)
{
	for (int i = 0; i < LOCK_TRIES; i++)
		if (try_lock(sk))
			return 1;
	return 0;
}

/* Adds to a number of a socket's. False if it is not known what it was before. */
static __always_inline bool fetch_add(__u64 sk, __u64 *p, __u64 n, __u64 *old)
{
	bool locked;

	if (!no_fetch) {
		*old = __sync_fetch_and_add(p, n);
		return true;
	}
	locked = lock(sk);
	*old = *(volatile __u64 *)p;
	__sync_fetch_and_add(p, n);
	if (locked)
		bpf_map_delete_elem(&locks, &sk);
	return locked;
}
