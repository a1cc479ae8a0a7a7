/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What every backend does at the end of a send call, and around it. */
#pragma once
#include "socket.h"
#include "payload.h"

static __always_inline void begin_call(struct call *c)
{
	__builtin_memset(c, 0, sizeof(*c));
	c->entry = bpf_ktime_get_ns();
}

/* The caller's file behind a descriptor; NULL if there is none. */
static __always_inline struct file *file_of(struct task_struct *t, __u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(t, files, fdt);
	struct file **files, *f = NULL;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	files = BPF_CORE_READ(fdt, fd);
	if (bpf_probe_read_kernel(&f, sizeof(f), files + fd))
		return NULL;
	return f;
}

#define FD_TYPES 16 /* send_record.fd_types has room for so many */

/* Notes what the descriptors are that stand at p. */
static __always_inline void note_descriptors(struct send_record *r, __u64 p, __u32 n, bool user)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct file *f;
	__u32 at, fd;

	at = r->fds;
	r->fds = at + n;
	for (__u32 i = 0; i < FD_TYPES; i++, at++) {
		if (i >= n || at >= FD_TYPES)
			break;
		if (user ? bpf_probe_read_user(&fd, sizeof(fd), (void *)(p + i * sizeof(fd)))
			 : bpf_probe_read_kernel(&fd, sizeof(fd), (void *)(p + i * sizeof(fd))))
			break;
		f = file_of(t, fd);
		if (f)
			r->fd_types |= file_type(f) << (4 * (at & 15));
	}
}

/* As many headers as there can be with a descriptor each: SCM_MAX_FD is 253. */
#define HEADERS_MAX 256

/*
 * Notes in the call's record what one control message has, with len bytes from it
 * to the end of all. Returns how far it is to the next one, 0 if there is none.
 * user: p is the caller's address.
 */
__noinline int note_control(__u64 p, __u64 len, int user)
{
	struct call *c = known_call();
	struct cmsghdr h;
	__u64 n;

	if (!c || len < sizeof(h))
		return 0;
	if (user ? bpf_probe_read_user(&h, sizeof(h), (void *)p)
		 : bpf_probe_read_kernel(&h, sizeof(h), (void *)p))
		return 0;
	if (h.cmsg_len < sizeof(h) || h.cmsg_len > len)
		return 0;
	if (h.cmsg_level == SOL_SOCKET && h.cmsg_type == SCM_RIGHTS)
		note_descriptors(&c->record, p + sizeof(h),
				 (h.cmsg_len - sizeof(h)) / sizeof(int), user);
	if (h.cmsg_level == SOL_SOCKET && h.cmsg_type == SCM_CREDENTIALS)
		c->record.flags |= SEND_CREDS;
	n = (h.cmsg_len + 7) & ~7ULL; /* CMSG_ALIGN */
	return n >= len ? 0 : n;
}

/* Notes the descriptors and credentials in the control messages of this thread's call. */
__noinline int read_control(__u64 p, __u64 len, int user)
{
	for (int i = 0; i < HEADERS_MAX && len; i++) {
		__u32 n = note_control(p, len, user);

		if (!n)
			break;
		p += n;
		len -= n;
	}
	return 0;
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

/* A failed send takes no place: added is 0. False if the place is not known. */
static __always_inline bool place(struct send_record *r, struct socket_state *st, __u64 added)
{
	__u64 sent;

	if (!fetch_add(r->sk, &st->sent, added, &sent))
		return false;
	r->offset = nearest(st->offset, sent, OFFSET_BITS);
	/* What overflowed the offset's bits was added to the number. */
	sent = (sent >> OFFSET_BITS) - (r->offset >> OFFSET_BITS);
	r->seq = nearest(st->seq, sent, 64 - OFFSET_BITS);
	st->offset = r->offset;
	st->seq = r->seq;
	return true;
}

/* Whether the caps let a message of n bytes through; of several threads' about. */
static __always_inline bool below_caps(struct socket_state *st, struct call *c, __u64 n)
{
	const struct send_record *r = &c->record;
	__u64 now = r->exit;
	struct loss *l;

	if (!cap_bytes && !cap_rate)
		return true;
	if (now - st->second >= 1000000000) {
		st->second = now;
		st->in_second = 0;
	}
	if ((!cap_bytes || st->recorded + n <= cap_bytes) &&
	    (!cap_rate || st->in_second + n <= cap_rate)) {
		st->recorded += n;
		st->in_second += n;
		if (c->capped == r->sk) /* it is another one now, or another second */
			c->capped = 0;
		return true;
	}
	/* So that what comes is not even taken ahead. */
	c->capped = r->sk;
	c->capped_ino = r->ino;
	c->capped_until = cap_bytes && st->recorded + n > cap_bytes ? ~0ULL
								      : st->second + 1000000000;
	l = loss(r->kind);
	if (l) {
		count(&l->cap_messages, 1);
		count(&l->cap_bytes, n);
	}
	return false;
}

/* A message that cannot be recorded for want of memory. */
static __always_inline void count_unknown(__u8 type)
{
	struct loss *l = loss(type);

	if (l)
		count(&l->state_messages, 1);
}

/*
 * Fills c->record for a call that returned ret and counts it in the socket's
 * state. False if it is not to be recorded. Where sockets have storage, sk must be
 * trusted by the verifier, as a program's argument is.
 */
static __always_inline bool sent(struct sock *sk, int ret, struct call *c, __u32 slot)
{
	struct send_record *r = &c->record;
	struct socket_state *st;
	struct sock *peer;
	__u64 id = bpf_get_current_pid_tgid(), receiver = 0;
	__u32 facing = 0, receiver_met = 0;
	bool wanted;
	__u16 type = BPF_CORE_READ(sk, sk_type);

	if (ret < 0 && !record_failed)
		return false;
	/* write(fd, "", 0) on a stream sends nothing; as a datagram it is one. */
	if (ret == 0 && type == SOCK_STREAM)
		return false;
	if (id >> 32 == self_tgid)
		return false;
	peer = peer_of(sk);
	/* A datagram can go elsewhere than its socket is connected to. */
	if (type == SOCK_DGRAM && c->receiver && c->receiver != (__u64)peer) {
		receiver = c->receiver;
		receiver_met = c->receiver_met;
		facing = c->receiver_marked;
		peer = NULL;
	}
	st = state_of(sk);
	if (!st) {
		count_unknown(type);
		return false;
	}
	wanted = remember(st, sk, peer, slot);
	if (receiver ? !sockets_wanted(st->met, receiver_met) : !wanted)
		return false;
	if ((filter_want | filter_not) & OF_TASKS && !processes_wanted(sk, peer, facing, slot))
		return false;
	describe(st, sk, peer, true);

	__builtin_memset(r, 0, sizeof(*r));
	r->op = OP_SEND;
	r->kind = type;
	r->sk = (__u64)sk;
	r->ino = st->ino;
	r->peer = receiver ? receiver : (__u64)peer;
	r->peer_ino = receiver ? c->receiver_ino : st->peer_ino;
	r->exit = bpf_ktime_get_ns();
	r->entry = c->entry;
	r->cgroup = bpf_get_current_cgroup_id();
	r->pid = id >> 32;
	r->tid = id;
	r->uid = bpf_get_current_uid_gid();
	r->ret = ret;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	if (!place(r, st, ret >= 0 ? ONE_MESSAGE + ret : 0)) {
		count_unknown(type);
		return false;
	}
	return ret < 0 || below_caps(st, c, ret);
}

/*
 * What the call returned that sent() has noted. It is read from memory, of which
 * the verifier knows nothing: before 6.7 it can lose what it found out of a
 * register where a callback ran in between, and then takes the way of a failed
 * send for the only one.
 */
static __always_inline int noted_ret(struct call *c)
{
	return *(volatile __s32 *)&c->record.ret;
}

/*
 * A datagram's data is ready at its receiver, in the sender's context. This is
 * the only place where the receiver of an unconnected socket's datagram shows.
 */
static __always_inline void datagram_ready(struct call *c, struct sock *sk)
{
	struct socket_state *st;
	struct sock *peer = peer_of(sk);

	c->receiver = (__u64)sk;
	c->receiver_ino = inode_of(sk);
	c->receiver_met = judge_socket(sk, SLOT_READY);
	c->receiver_marked = (filter_want | filter_not) & OF_TASKS ? marked(sk) : 0;
	if (filter_want & KIND(BY_PATH) && !(c->receiver_met & KIND(BY_PATH)))
		return;
	st = state_of(sk);
	if (st)
		describe(st, sk, peer, false);
}
