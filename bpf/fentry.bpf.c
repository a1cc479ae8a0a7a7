//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The fentry backend: trampolines on AF_UNIX's own send functions, which see
 * every sender, the message and the result. The message's buffers are noted at
 * the entry and read at the exit, when it is known how many bytes were taken.
 * unix_seqpacket_sendmsg ends in unix_dgram_sendmsg.
 */
#include "msg_iter.h"
#include "receive.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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

static __always_inline void end_send(struct socket *sock, struct msghdr *msg, int ret, __u32 slot,
				     __u32 copy)
{
	struct sock *sk = sock->sk;
	struct location now, at = {};
	struct call *c;

	if (!sk)
		return;
	c = current_call();
	if (done(c, sk, msg, copy))
		return;
	/* If this call's beginning was missed, c is of one before. */
	locate(msg, &now);
	if (now.source == c->at.source && now.whole == c->at.whole)
		at = c->at;
	if (sent(sk, ret, c, slot + copy))
		submit_message(c, &at, msg);
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
	if (sent(sk, ret, c, SLOT_PAGE))
		submit_accepted(c, &at);
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

/*
 * Where the kernel asks whether a datagram may be sent shows its receiver, in the
 * sender's context. What is there for all kinds of sockets is taken only if the
 * kernel was built without that (CONFIG_SECURITY_NETWORK).
 */
SEC("fentry/security_unix_may_send")
int BPF_PROG(may_send, struct socket *sock, struct socket *other)
{
	struct sock *sk = other->sk;
	struct call *c = known_call();

	if (sk && c)
		datagram_ready(c, sk);
	return 0;
}

/* sk_data_ready of AF_UNIX sockets, among others. */
SEC("fentry/sock_def_readable")
int BPF_PROG(readable, struct sock *sk)
{
	struct call *c;

	if (sk->__sk_common.skc_family != AF_UNIX || sk->sk_type == SOCK_STREAM)
		return 0;
	c = known_call();
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

	if (sk && ret == 0 && ends_sending(mode))
		closed(sk, inode_of(sk));
	return 0;
}
