/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What every backend does at the end of a send call, and around it. */
#pragma once
#include "socket.h"
#include "payload.h"

/* Each program that reads names has a slot of its own. */
enum slot {
	SLOT_RECV,
	SLOT_READY,
	SLOT_PAGE,
	SLOT_STREAM,				/* also seqpacket */
	SLOT_DGRAM = SLOT_STREAM + COPIES,	/* after each copy's */
};

static __always_inline void begin_call(struct call *c)
{
	__builtin_memset(c, 0, sizeof(*c));
	c->entry = bpf_ktime_get_ns();
}

static __always_inline bool is_unix(const struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_UNIX;
}

/*
 * Counts the descriptors in a control message buffer. Four headers are more
 * than AF_UNIX has kinds of.
 */
static __always_inline void read_control(struct send_record *r, __u64 p, __u64 len, bool user)
{
	struct cmsghdr h;
	__u64 n;

	for (int i = 0; i < 4; i++) {
		if (len < sizeof(h))
			return;
		if (user ? bpf_probe_read_user(&h, sizeof(h), (void *)p)
			 : bpf_probe_read_kernel(&h, sizeof(h), (void *)p))
			return;
		n = (h.cmsg_len + 7) & ~7ULL; /* CMSG_ALIGN */
		if (h.cmsg_len < sizeof(h) || h.cmsg_len > len)
			return;
		if (h.cmsg_level == SOL_SOCKET && h.cmsg_type == SCM_RIGHTS)
			r->fds += (h.cmsg_len - sizeof(h)) / sizeof(int);
		if (h.cmsg_level == SOL_SOCKET && h.cmsg_type == SCM_CREDENTIALS)
			r->flags |= SEND_CREDS;
		if (n > len)
			return;
		p += n;
		len -= n;
	}
}

/*
 * The message's place in the stream and its number. Two threads may send on one
 * socket at once, and both must come out of a single addition or they disagree:
 * so sent has 40 bits of offset and, above them, 24 bits of number. The bits
 * beyond are those of any recent message, whichever thread noted it last, since
 * no two that are under way are half of 2^40 bytes or of 2^24 messages apart.
 */
#define OFFSET_BITS 40
#define ONE_MESSAGE (1ULL << OFFSET_BITS)

/* The number nearest to near that ends in the given low bits. */
static __always_inline __u64 nearest(__u64 near, __u64 low, __u32 bits)
{
	return near + ((__s64)((low - near) << (64 - bits)) >> (64 - bits));
}

/* A failed send takes no place: added is 0. */
static __always_inline void place(struct send_record *r, struct socket_state *st, __u64 added)
{
	__u64 sent = __sync_fetch_and_add(&st->sent, added);

	r->offset = nearest(st->offset, sent, OFFSET_BITS);
	/* What overflowed the offset's bits was added to the number. */
	sent = (sent >> OFFSET_BITS) - (r->offset >> OFFSET_BITS);
	r->seq = nearest(st->seq, sent, 64 - OFFSET_BITS);
	st->offset = r->offset;
	st->seq = r->seq;
}

/*
 * Fills r for a call that returned ret and counts it in the socket's state.
 * False if it is not to be recorded. c is the call's beginning, NULL if it was
 * not seen. sk must be trusted by the verifier, as a program's argument is.
 */
static __always_inline bool sent(struct send_record *r, struct sock *sk, int ret, struct call *c,
				 __u32 slot)
{
	struct socket_state *st;
	struct unix_sock *u = (void *)sk;
	struct sock *peer;
	struct loss *l;
	__u64 id = bpf_get_current_pid_tgid(), receiver = 0;
	__u32 receiver_ino = 0;
	bool receiver_wanted = false;
	__u16 type = BPF_CORE_READ(sk, sk_type);

	if (ret < 0 && !record_failed)
		return false;
	/* write(fd, "", 0) on a stream sends nothing; as a datagram it is one. */
	if (ret == 0 && type == SOCK_STREAM)
		return false;
	peer = BPF_CORE_READ(u, peer);
	/* A datagram can go elsewhere than its socket is connected to. */
	if (type == SOCK_DGRAM && c && c->receiver && c->receiver != (__u64)peer) {
		receiver = c->receiver;
		receiver_ino = c->receiver_ino;
		receiver_wanted = c->receiver_wanted;
		peer = NULL;
	}
	if (c)
		c->receiver = 0; /* sendmmsg's next message has its own */
	if (!wanted(sk, peer, id >> 32))
		return false;
	st = state_of(sk);
	if (!st) {
		l = loss(type);
		if (l)
			l->state_messages++;
		return false;
	}
	if (!path_of_either_wanted(st, sk, peer, slot) && !receiver_wanted)
		return false;
	describe(st, sk, peer, true);

	__builtin_memset(r, 0, sizeof(*r));
	r->op = OP_SEND;
	r->kind = type;
	r->sk = (__u64)sk;
	r->ino = inode_of(sk);
	r->peer = receiver ? receiver : (__u64)peer;
	r->peer_ino = receiver ? receiver_ino : inode_of(peer);
	r->exit = bpf_ktime_get_ns();
	r->entry = c ? c->entry : 0;
	r->cgroup = bpf_get_current_cgroup_id();
	r->pid = id >> 32;
	r->tid = id;
	r->uid = bpf_get_current_uid_gid();
	r->ret = ret;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	place(r, st, ret >= 0 ? ONE_MESSAGE + ret : 0);
	return true;
}

/*
 * A datagram's data is ready at its receiver, in the sender's context. This is
 * the only place where the receiver of an unconnected socket's datagram shows.
 */
static __always_inline void datagram_ready(struct sock *sk)
{
	struct socket_state *st;
	struct unix_sock *u = (void *)sk;
	struct call *c;

	if (BPF_CORE_READ(sk, sk_type) == SOCK_STREAM)
		return;
	c = current_call();
	if (!c)
		return;
	c->receiver = (__u64)sk;
	c->receiver_ino = inode_of(sk);
	c->receiver_wanted = filter_paths && path_wanted(sk, SLOT_READY);
	if (filter_paths && !c->receiver_wanted)
		return;
	st = state_of(sk);
	if (st)
		describe(st, sk, BPF_CORE_READ(u, peer), false);
}

/*
 * A socket that was accepted after its first data came has no inode when that
 * data is recorded; it has one when it receives. And when it receives nothing
 * because the other end shut down, that end is done.
 */
static __always_inline void received(struct sock *sk, int ret)
{
	struct socket_state *st;
	struct unix_sock *u = (void *)sk;
	struct sock *peer;

	if (ret < 0)
		return;
	st = bpf_sk_storage_get(&socket_states, sk, 0, 0);
	if (st && st->flags & STATE_HOLDER && ret > 0)
		return;
	peer = BPF_CORE_READ(u, peer);
	if (!wanted(sk, peer, bpf_get_current_pid_tgid() >> 32))
		return;
	st = state_of(sk);
	if (!st || !path_of_either_wanted(st, sk, peer, SLOT_RECV))
		return;
	describe(st, sk, peer, true);
	if (ret == 0 && peer && BPF_CORE_READ(sk, sk_type) == SOCK_STREAM &&
	    BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN && !(st->flags & STATE_ENDED)) {
		st->flags |= STATE_ENDED;
		closed(peer, inode_of(peer));
	}
}

/* -- COMMAND: children belong to their parents, until they end. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = parent->tgid, child_tgid = child->tgid;
	__u8 one = 1;

	if (child_tgid != tgid && pid_wanted(tgid))
		bpf_map_update_elem(&wanted_pids, &child_tgid, &one, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	/* do_exit counts the threads down before it gets here. */
	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		bpf_map_delete_elem(&wanted_pids, &tgid);
	return 0;
}
