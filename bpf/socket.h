/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What is remembered of each socket and each call, and told to user space. */
#pragma once
#include "filter.h"

enum state_flags {
	STATE_DESCRIBED = 1,	/* its socket_record is out */
	STATE_ENDED = 2,	/* its peer's close_record is out */
	STATE_JUDGED = 4,	/* wanted_before is about peer */
	STATE_WANTED = 8,	/* by the conditions on sockets */
	STATE_HOLDER = 16,	/* described with who holds it */
};

struct socket_state {
	__u64 sent;	/* place() */
	__u64 offset;	/* of a message not long ago, and its number */
	__u64 received;	/* bytes */
	__u64 recorded;	/* bytes, for the caps */
	__u64 second;	/* when the present one began, ns */
	__u64 in_second; /* bytes recorded in it */
	__u64 peer;	/* that the following were found with */
	__u32 ino;
	__u32 peer_ino;
	__u32 met;	/* judge_socket's, of this end */
	__u32 seq;
	__u32 flags;
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
	/* fentry */
	__u64 msg;		/* address of the message */
	bool done;		/* and it is recorded */
	struct location at;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

/*
 * The state of a socket, made if there is none yet. Of two threads that make it
 * at once one gets NULL, and finds the other's when it looks again.
 */
static __always_inline struct socket_state *state_of(struct sock *sk)
{
	struct socket_state *st;

	st = bpf_sk_storage_get(&socket_states, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return st ? st : bpf_sk_storage_get(&socket_states, sk, 0, 0);
}

/*
 * Notes the inodes, of which an end that is not accepted yet has none, and what
 * the conditions on sockets say: all that stays as long as the peer does.
 */
static __noinline void meet_peer(struct socket_state *st, struct sock *sk, struct sock *peer,
				 __u32 slot)
{
	if (!st)
		return;
	st->ino = inode_of(sk);
	st->peer_ino = inode_of(peer);
	st->peer = (__u64)peer;
	st->met = judge_socket(sk, slot);
	st->flags &= ~STATE_WANTED;
	st->flags |= STATE_JUDGED;
	if (sockets_wanted(st->met, judge_socket(peer, slot)))
		st->flags |= STATE_WANTED;
}

static __always_inline void remember(struct socket_state *st, struct sock *sk, struct sock *peer,
				     __u32 slot)
{
	if (st->flags & STATE_JUDGED && st->peer == (__u64)peer && st->ino &&
	    (st->peer_ino || !peer))
		return;
	meet_peer(st, sk, peer, slot);
}

/*
 * Whether a connection's end was found not to be wanted, which then is all there
 * is to do: a connection's peer stays the same.
 */
static __always_inline bool unwanted(struct sock *sk)
{
	struct socket_state *st;

	if (!((filter_want | filter_not) & OF_SOCKETS) || sk->sk_type == SOCK_DGRAM)
		return false;
	st = bpf_sk_storage_get(&socket_states, sk, 0, 0);
	return st && (st->flags & (STATE_JUDGED | STATE_WANTED)) == STATE_JUDGED && st->peer_ino;
}

/* Not inlined, so that the type information has the struct: layout_test.go. */
static __noinline int fill_socket_record(struct socket_record *r, struct sock *sk,
					 struct sock *peer, bool holder)
{
	struct pid *pid;
	__u64 id;

	__builtin_memset(r, 0, sizeof(*r));
	r->op = OP_SOCKET;
	r->kind = BPF_CORE_READ(sk, sk_type);
	r->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	r->sk = (__u64)sk;
	r->ino = inode_of(sk);
	r->peer = (__u64)peer;
	r->peer_ino = inode_of(peer);
	r->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	pid = BPF_CORE_READ(sk, sk_peer_pid);
	if (pid)
		r->peer_pid = BPF_CORE_READ(pid, numbers[0].nr);
	r->path_len = read_path(sk, r->path);
	r->peer_path_len = read_path(peer, r->peer_path);
	if (holder) {
		id = bpf_get_current_pid_tgid();
		r->pid = id >> 32;
		r->tid = id;
		r->uid = bpf_get_current_uid_gid();
		r->cgroup = bpf_get_current_cgroup_id();
		bpf_get_current_comm(r->comm, sizeof(r->comm));
	}
	return 0;
}

/* Tells user space who sk is. holder: the current task holds it. */
static __always_inline void describe(struct socket_state *st, struct sock *sk, struct sock *peer,
				     bool holder)
{
	__u32 flags = STATE_DESCRIBED | (holder ? STATE_HOLDER : 0);
	struct socket_record *r;
	struct description d = {};
	__u64 key = (__u64)sk;

	if ((st->flags & flags) == flags)
		return;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r)
		return; /* and try again at the next message */
	fill_socket_record(r, sk, peer, holder);
	d.ino = r->ino;
	d.holder = r->pid;
	bpf_ringbuf_submit(r, wakeup());
	bpf_map_update_elem(&described, &key, &d, 0);
	st->flags |= flags;
}

static __noinline int fill_close_record(struct close_record *r, __u64 sk, __u32 ino)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->op = OP_CLOSE;
	r->sk = sk;
	r->ino = ino;
	r->time = bpf_ktime_get_ns();
	return 0;
}

static __always_inline void closed(struct sock *sk, __u32 ino)
{
	__u64 key = (__u64)sk;
	struct description *d = bpf_map_lookup_elem(&described, &key);
	struct close_record *r;

	if (!d || (ino && d->ino && d->ino != ino))
		return;
	bpf_map_delete_elem(&described, &key);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r)
		return; /* a connection without an end: the file stays correct */
	fill_close_record(r, (__u64)sk, ino);
	bpf_ringbuf_submit(r, wakeup());
}

static __always_inline struct call *current_call(void)
{
	return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
}
