//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The tracepoint backend: for kernels that allow neither trampolines nor
 * kprobes. sock:sock_send_length (6.3) fires when a send call is done, with the
 * socket and the result but not the message. That is found through the registers
 * that the system call began with, or else ahead, in the socket buffer: skb.h.
 *
 * Nothing here runs at the beginning of system calls: a tracepoint there slows
 * every call on the host. So the entry time is when the receiver was first told
 * of the message, which is before it can answer.
 */
#include "skb.h"
#include "receive.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ENOSYS 38

static __always_inline bool is_unix(const struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_UNIX;
}

#if defined(__TARGET_ARCH_x86)
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
	unsigned long r10, r8, ax, dx, si, di, orig_ax;
};
struct thread_info {
	__u32 status;
};
struct task_struct___x86 {
	struct thread_info thread_info;
};
#pragma clang attribute pop
#define TS_COMPAT 2 /* arch/x86/include/asm/thread_info.h: a 32-bit call */
enum {
	NR_write = 1, NR_writev = 20, NR_sendto = 44, NR_sendmsg = 46, NR_sendmmsg = 307,
	NR_pwritev2 = 328,
};
#define NR(regs) ((regs)->orig_ax)
#define ARG2(regs) ((regs)->si)
#define ARG3(regs) ((regs)->dx)
static __always_inline bool compat_call(struct task_struct *t, struct pt_regs *regs)
{
	struct task_struct___x86 *x = (void *)t;

	return x->thread_info.status & TS_COMPAT;
}

/*
 * Whether the call has not returned yet. What the kernel does for io_uring
 * before it goes back to the program is not part of it, though the registers
 * are those of the call (arch/x86/entry/entry_64.S: ax is -ENOSYS meanwhile).
 */
static __always_inline bool in_call(struct task_struct *t, struct pt_regs *regs)
{
	return (long)regs->ax == -ENOSYS;
}
#elif defined(__TARGET_ARCH_arm64)
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
	__u64 regs[31];
	__u64 pstate;
	__u64 orig_x0;
	__s32 syscallno;
};
struct task_struct___uring {
	void *io_uring;
};
#pragma clang attribute pop
#define PSR_MODE32_BIT 0x10 /* arch/arm64/include/uapi/asm/ptrace.h */
enum {
	NR_write = 64, NR_writev = 66, NR_sendto = 206, NR_sendmsg = 211, NR_sendmmsg = 269,
	NR_pwritev2 = 287,
};
#define NR(regs) ((regs)->syscallno)
#define ARG2(regs) ((regs)->regs[1])
#define ARG3(regs) ((regs)->regs[2])
static __always_inline bool compat_call(struct task_struct *t, struct pt_regs *regs)
{
	return regs->pstate & PSR_MODE32_BIT;
}

/*
 * Whether the call has not returned yet. What the kernel does for io_uring
 * before it goes back to the program is not part of it, though the registers
 * are those of the call, but for the first: it has the result by then
 * (invoke_syscall, arch/arm64/kernel/syscall.c).
 */
static __always_inline bool in_call(struct task_struct *t, struct pt_regs *regs)
{
	struct task_struct___uring *u = (void *)t;

	return !u->io_uring || regs->regs[0] == regs->orig_x0;
}
#endif

/* The number of the current call if it has to do with what is sent, or -1. */
static __always_inline long current_nr(struct task_struct *t, struct pt_regs *regs)
{
	if (t->flags & (PF_KTHREAD | PF_IO_WORKER) || compat_call(t, regs) || !in_call(t, regs))
		return -1;
	return NR(regs);
}

/* Whether the registers say where the message is. */
static __always_inline bool is_direct(long nr)
{
	switch (nr) {
	case NR_write:
	case NR_writev:
	case NR_pwritev2:
	case NR_sendto:
	case NR_sendmsg:
		return true;
	}
	return false;
}

static __always_inline long read_segment(struct scratch *s, struct segment *v)
{
	struct iovec iov;
	long err;

	if (s->source == SKB)
		return read_skb_segment(s, v);
	err = bpf_probe_read_user(&iov, sizeof(iov), (void *)(s->segments + s->i * sizeof(iov)));
	v->p = (__u64)iov.iov_base;
	v->len = iov.iov_len;
	return err;
}

static __always_inline void submit_iov(struct send_record *r, __u64 iov, __u64 count, __u64 n)
{
	struct segments from = { .p = iov, .count = count, .total = n };
	struct iovec v;

	/* Mostly there is one segment: no need to gather. */
	if (!bpf_probe_read_user(&v, sizeof(v), (void *)iov) && v.iov_len >= n)
		submit_buffer(r, (__u64)v.iov_base, n);
	else
		submit_segments(r, &from);
}

static __always_inline void submit_msghdr(struct send_record *r, __u64 p, __u64 n)
{
	struct user_msghdr m;

	if (bpf_probe_read_user(&m, sizeof(m), (void *)p)) {
		r->flags |= SEND_FAULT;
		count_fault(r, n);
		submit_empty(r);
		return;
	}
	read_control((__u64)m.msg_control, m.msg_controllen, true);
	if (n)
		submit_iov(r, (__u64)m.msg_iov, m.msg_iovlen, n);
	else
		submit_empty(r);
}

#define LENGTHS_A_RUN 32

/* How long some segments of the caller's are; -1 if they can't be read. */
__noinline __u64 add_lengths(__u64 iov, __u64 count)
{
	struct iovec v;
	__u64 sum = 0;

	for (__u64 i = 0; i < LENGTHS_A_RUN && i < count; i++) {
		if (bpf_probe_read_user(&v, sizeof(v), (void *)(iov + i * sizeof(v))))
			return -1;
		sum += v.iov_len;
	}
	return sum;
}

/* How long all are. */
__noinline __u64 sum_lengths(__u64 iov, __u64 count)
{
	__u64 sum = 0, n;

	for (__u64 i = 0; i < UIO_MAXIOV && i < count; i += LENGTHS_A_RUN) {
		n = add_lengths(iov + i * sizeof(struct iovec), count - i);
		if (n == -1)
			return -1;
		sum += n;
	}
	return sum;
}

/*
 * The message of sendmmsg that is being sent; 0 if that is not certain. The
 * registers have the vector only, so the messages are counted. A vector that
 * ended early, and comes again, would be taken for its own continuation: the
 * kernel ends at an error or a partial message, and has noted the length of each
 * message before the next (__sys_sendmmsg, net/socket.c).
 */
static __noinline __u64 find_message(struct vector *v, struct pt_regs *regs, int ret)
{
	__u64 p = ARG2(regs), count = ARG3(regs), at;
	struct mmsghdr m;
	__u32 index = 0;

	if (!v)
		return 0;
	if (v->p == p && v->count == count && v->index < count) {
		index = v->index;
		if (bpf_probe_read_user(&m, sizeof(m), (void *)(p + (index - 1) * sizeof(m))) ||
		    m.msg_len != v->ret)
			index = 0;
	}
	v->p = 0;
	at = p + index * sizeof(m);
	if (ret < 0 || bpf_probe_read_user(&m, sizeof(m), (void *)at))
		return 0;
	if (sum_lengths((__u64)m.msg_hdr.msg_iov, m.msg_hdr.msg_iovlen) != ret)
		return 0;
	if (index + 1 < count) {
		v->p = p;
		v->count = count;
		v->index = index + 1;
		v->ret = ret;
	}
	return at;
}

/* A message whose place the registers do not tell. */
static __always_inline void submit_indirect(struct send_record *r, struct call *c, int ret,
					    __u64 message)
{
	struct user_msghdr m;

	/* What was taken ahead does not tell credentials that were passed. */
	if (message && !bpf_probe_read_user(&m, sizeof(m), (void *)message))
		read_control((__u64)m.msg_control, m.msg_controllen, true);
	if (submit_ahead(r, c, ret))
		return;
	r->fds = 0;
	r->fd_types = 0;
	if (message)
		submit_msghdr(r, message, snap(ret));
	else if (ret > 0 && c->ahead.full)
		submit_full(r);
	else if (ret > 0)
		submit_no_buffer(r);
	else
		submit_empty(r);
}

/* The message that the registers of call nr speak of. */
static __always_inline void submit_direct(struct send_record *r, struct pt_regs *regs, long nr,
					  __u64 n)
{
	switch (nr) {
	case NR_write:
	case NR_sendto:
		if (n > ARG3(regs))
			submit_no_buffer(r); /* the kernel sent on its own */
		else if (n)
			submit_buffer(r, ARG2(regs), n);
		else
			submit_empty(r);
		break;
	case NR_sendmsg:
		submit_msghdr(r, ARG2(regs), n);
		break;
	default:
		if (n)
			submit_iov(r, ARG2(regs), ARG3(regs), n);
		else
			submit_empty(r);
	}
}

static __always_inline void end_call(struct call *c)
{
	c->entry = 0;
	c->receiver = 0;
	if (c->ahead.any)
		__builtin_memset(&c->ahead, 0, sizeof(c->ahead));
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	struct task_struct *t;
	struct pt_regs *regs;
	__u64 message = 0;
	struct call *c;
	long nr;

	if (!is_unix(sk))
		return 0;
	if (unwanted(sk)) {
		/* The receiver may not have been known to be, and have noted a beginning. */
		c = known_call();
		if (c)
			end_call(c);
		return 0;
	}
	c = current_call();
	if (!c) {
		count_unknown(sk->sk_type);
		return 0;
	}
	t = bpf_get_current_task_btf();
	regs = (void *)bpf_task_pt_regs(t);
	nr = current_nr(t, regs);
	if (nr == NR_sendmmsg)
		message = find_message(&c->vector, regs, ret);
	if (sent(sk, ret, c, SLOT_STREAM)) {
		ret = noted_ret(c);
		if (is_direct(nr))
			submit_direct(&c->record, regs, nr, ret > 0 ? snap(ret) : 0);
		else
			submit_indirect(&c->record, c, ret, message);
	}
	end_call(c);
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(sk_data_ready, struct sock *sk)
{
	struct task_struct *t;
	struct call *c;

	/* A listener is told of connections. */
	if (!is_unix(sk) || sk->__sk_common.skc_state == TCP_LISTEN || unwanted(sk))
		return 0;
	c = current_call();
	if (!c)
		return 0;
	t = bpf_get_current_task_btf();
	if (!c->entry)
		c->entry = bpf_ktime_get_ns();
	if (sk->sk_type != SOCK_STREAM)
		datagram_ready(c, sk);
	if (!is_direct(current_nr(t, (void *)bpf_task_pt_regs(t))))
		take_ahead(c, sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	if (is_unix(sk) && !unwanted(sk))
		received(sk, ret, flags);
	return 0;
}
