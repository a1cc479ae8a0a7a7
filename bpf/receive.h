/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What every backend does at the end of a receive call. */
#pragma once
#include "socket.h"

static __noinline int fill_receive_record(struct receive_record *r, struct sock *sk,
					  struct socket_state *st, int ret)
{
	__u64 id = bpf_get_current_pid_tgid(), before;

	if (!st)
		return 0;
	__builtin_memset(r, 0, sizeof(*r));
	r->op = OP_RECEIVE;
	r->kind = SOCK_STREAM;
	r->ino = st->ino;
	r->sk = (__u64)sk;
	r->peer = st->judged & ~(__u64)JUDGED_BITS;
	r->peer_ino = st->peer_ino;
	r->time = bpf_ktime_get_ns(); /* before the queue is looked at */
	r->emptied = !BPF_CORE_READ(sk, sk_receive_queue.qlen);
	fetch_add((__u64)sk, &st->received, ret, &before);
	r->received = before + ret;
	r->ret = ret;
	r->cgroup = bpf_get_current_cgroup_id();
	r->pid = id >> 32;
	r->tid = id;
	r->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	return 0;
}

/* A lost record is made good by the next one, which says how much was received in all. */
static __always_inline void submit_receive(struct sock *sk, struct socket_state *st, int ret)
{
	struct receive_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		__sync_fetch_and_add(&st->received, ret);
		return;
	}
	fill_receive_record(r, sk, st, ret);
	bpf_ringbuf_submit(r, wakeup());
}

/*
 * Tells who receives. A socket that was accepted after its first data came has no
 * inode when that data is recorded; it has one when it receives. NULL if what it
 * receives is not wanted.
 */
static __always_inline struct socket_state *meet_receiver(struct sock *sk)
{
	struct socket_state *st;
	struct sock *peer;

	if (bpf_get_current_pid_tgid() >> 32 == self_tgid)
		return NULL;
	st = state_of(sk);
	if (!st)
		return NULL;
	peer = peer_of(sk);
	if (!remember(st, sk, peer, SLOT_RECV))
		return NULL;
	if ((filter_want | filter_not) & OF_TASKS && !processes_wanted(sk, peer, 0, SLOT_RECV))
		return NULL;
	describe(st, sk, peer, true);
	return st;
}

/* When a socket receives nothing because the other end shut down, that end is done. */
static __always_inline void received(struct sock *sk, int ret, int flags)
{
	__u16 type = BPF_CORE_READ(sk, sk_type);
	bool report = record_receive && type == SOCK_STREAM && ret > 0;
	struct socket_state *st;
	struct sock *peer;

	if (ret < 0 || flags & MSG_PEEK)
		return;
	st = known_state(sk);
	if (st && !report && ret > 0 && st->flags & STATE_HOLDER)
		return;
	st = meet_receiver(sk);
	if (!st)
		return;
	if (report)
		submit_receive(sk, st, ret);
	peer = peer_of(sk);
	if (ret == 0 && peer && type == SOCK_STREAM &&
	    BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN && !(st->flags & STATE_ENDED)) {
		st->flags |= STATE_ENDED;
		closed(peer, inode_of(peer));
	}
}
