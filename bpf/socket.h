/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What is found out about each socket, and told to user space. */
#pragma once
#include "filter.h"
#include "storage.h"

/*
 * Notes the inodes, of which an end that is not accepted yet has none, and what
 * the conditions on sockets say: all that stays as long as the peer does. Returns
 * enum judged. Other threads may do the same meanwhile, and find the same.
 */
static __noinline int meet_peer(struct socket_state *st, struct sock *sk, struct sock *peer,
				__u32 slot)
{
	__u32 ino = inode_of(sk), peer_ino = inode_of(peer), met;
	int judged = 0;

	if (!st)
		return 0;
	st->ino = ino;
	st->peer_ino = peer_ino;
	met = judge_socket(sk, slot);
	st->met = met | MET;
	if (ino && (peer_ino || !peer))
		judged |= JUDGED;
	if (sockets_wanted(met, judge_socket(peer, slot)))
		judged |= JUDGED_WANTED;
	*(volatile __u64 *)&st->judged = (__u64)peer + judged;
	return judged;
}

/* Whether the conditions on sockets let sk talk to peer; the rest is in st then. */
static __always_inline bool remember(struct socket_state *st, struct sock *sk, struct sock *peer,
				     __u32 slot)
{
	__u64 judged;
	__u32 ino;

	/* If a socket's end was missed, another with its address is not that one. */
	if (hash_sockets && st->ino) {
		ino = inode_of(sk);
		if (ino && ino != st->ino)
			__builtin_memset(st, 0, sizeof(*st));
	}
	judged = *(volatile __u64 *)&st->judged;
	/* On some processors what was written before is not seen before. */
	if (judged & JUDGED && (judged & ~(__u64)JUDGED_BITS) == (__u64)peer && st->met & MET &&
	    st->ino && (st->peer_ino || !peer))
		return judged & JUDGED_WANTED;
	return meet_peer(st, sk, peer, slot) & JUDGED_WANTED;
}

/*
 * Whether a connection's end was found not to be wanted, which then is all there
 * is to do: a connection's peer stays the same.
 */
static __always_inline bool unwanted(struct sock *sk)
{
	struct socket_state *st;
	__u64 judged;

	if (!((filter_want | filter_not) & OF_SOCKETS) || BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM)
		return false;
	st = known_state(sk);
	if (!st)
		return false;
	judged = *(volatile __u64 *)&st->judged;
	return (judged & JUDGED_BITS) == JUDGED && judged != JUDGED; /* it has a peer */
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

#define SHUT_WR 1
#define SHUT_RDWR 2

/* shutdown(2): whether mode, 0 to 2, ends sending. */
static __always_inline bool ends_sending(int mode)
{
	return mode == SHUT_WR || mode == SHUT_RDWR;
}
