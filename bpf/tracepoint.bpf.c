//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The tracepoint backend: for kernels that allow neither trampolines nor
 * kprobes. sock:sock_send_length (6.3) fires when a send call is done, with the
 * socket and the result but not the message, which is found through the
 * registers that the system call began with.
 */
#include "send.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#if defined(__TARGET_ARCH_x86)
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
	unsigned long r10, r8, dx, si, di, orig_ax;
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
	NR_write = 1, NR_close = 3, NR_writev = 20, NR_sendto = 44, NR_sendmsg = 46,
	NR_shutdown = 48, NR_sendmmsg = 307, NR_pwritev2 = 328, NR_io_uring_enter = 426,
};
#define NR(regs) ((regs)->orig_ax)
#define ARG1(regs) ((regs)->di)
#define ARG2(regs) ((regs)->si)
#define ARG3(regs) ((regs)->dx)
static __always_inline bool compat_call(struct task_struct *t)
{
	struct task_struct___x86 *x = (void *)t;

	return BPF_CORE_READ(x, thread_info.status) & TS_COMPAT;
}
#elif defined(__TARGET_ARCH_arm64)
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
	__u64 regs[31];
	__u64 pstate;
	__u64 orig_x0;
	__s32 syscallno;
};
#pragma clang attribute pop
#define PSR_MODE32_BIT 0x10 /* arch/arm64/include/uapi/asm/ptrace.h */
enum {
	NR_close = 57, NR_write = 64, NR_writev = 66, NR_sendto = 206, NR_shutdown = 210,
	NR_sendmsg = 211, NR_sendmmsg = 269, NR_pwritev2 = 287, NR_io_uring_enter = 426,
};
#define NR(regs) ((regs)->syscallno)
#define ARG1(regs) ((regs)->orig_x0)
#define ARG2(regs) ((regs)->regs[1])
#define ARG3(regs) ((regs)->regs[2])
static __always_inline bool compat_call(struct task_struct *t)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(t);

	return regs->pstate & PSR_MODE32_BIT;
}
#endif

/* The descriptor's socket, if closing it ends an AF_UNIX socket. */
static __always_inline void close_descriptor(struct task_struct *t, __u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(t, files, fdt);
	struct file___old *old;
	struct file___new *new;
	struct socket *socket;
	struct inode *inode;
	struct file **files, *f;
	struct sock *sk;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return;
	files = BPF_CORE_READ(fdt, fd);
	if (bpf_probe_read_kernel(&f, sizeof(f), files + fd) || !f)
		return;
	inode = BPF_CORE_READ(f, f_inode);
	/* Not a socket's name in a file system, opened with O_PATH. */
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK ||
	    BPF_CORE_READ(inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return;
	old = (void *)f;
	new = (void *)f;
	if (bpf_core_field_exists(new->f_ref) ? BPF_CORE_READ(new, f_ref.refcnt.counter) != 0
					      : BPF_CORE_READ(old, f_count.counter) != 1)
		return; /* another descriptor keeps it open */
	socket = BPF_CORE_READ(f, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (sk && BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX)
		closed(sk, BPF_CORE_READ(inode, i_ino));
}

static __always_inline void note_call(struct task_struct *t, long nr, __u64 vector)
{
	struct call *c;

	c = bpf_task_storage_get(&calls, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c)
		return;
	begin_call(c);
	c->nr = nr;
	c->vector = vector;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *t;

	switch (nr) {
	case NR_write:
	case NR_writev:
	case NR_pwritev2:
	case NR_sendto:
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_io_uring_enter:
	case NR_close:
		break;
	default:
		return 0;
	}
	t = bpf_get_current_task_btf();
	if (nr == NR_close) {
		close_descriptor(t, ARG1(regs));
		return 0;
	}
	note_call(t, nr, ARG2(regs));
	return 0;
}

/* The caller's own array of segments. */
static __always_inline long read_segment(struct scratch *s, struct segment *v)
{
	struct iovec iov;
	long err;

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
	read_control(r, (__u64)m.msg_control, m.msg_controllen, true);
	if (n)
		submit_iov(r, (__u64)m.msg_iov, m.msg_iovlen, n);
	else
		submit_empty(r);
}

static __always_inline void end_send(struct sock *sk, int ret)
{
	struct task_struct *t;
	struct pt_regs *regs;
	struct send_record r;
	struct call *c;
	__u32 index = 0;
	__u64 n;
	long nr;

	t = bpf_get_current_task_btf();
	c = bpf_task_storage_get(&calls, t, 0, 0);
	regs = (void *)bpf_task_pt_regs(t);
	nr = NR(regs);
	/* If this call's beginning was missed, c is of an earlier one. */
	if (c && (c->nr != nr || c->vector != ARG2(regs)))
		c = NULL;
	if (c)
		index = c->index++;
	if (!sent(&r, sk, ret, c, SLOT_STREAM))
		return;
	n = ret > 0 ? snap(ret) : 0;
	if (t->flags & (PF_KTHREAD | PF_IO_WORKER) || compat_call(t)) {
		submit_no_buffer(&r);
		return;
	}
	switch (nr) {
	case NR_write:
	case NR_sendto:
		if (n > ARG3(regs))
			submit_no_buffer(&r); /* the kernel sent on its own */
		else if (n)
			submit_buffer(&r, ARG2(regs), n);
		else
			submit_empty(&r);
		break;
	case NR_writev:
	case NR_pwritev2:
		if (n)
			submit_iov(&r, ARG2(regs), ARG3(regs), n);
		else
			submit_empty(&r);
		break;
	case NR_sendmsg:
		submit_msghdr(&r, ARG2(regs), n);
		break;
	case NR_sendmmsg:
		if (c && index < ARG3(regs))
			submit_msghdr(&r, ARG2(regs) + index * sizeof(struct mmsghdr), n);
		else
			submit_no_buffer(&r);
		break;
	default:
		submit_no_buffer(&r);
	}
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	if (is_unix(sk))
		end_send(sk, ret);
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(sk_data_ready, struct sock *sk)
{
	if (is_unix(sk))
		datagram_ready(sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	if (is_unix(sk))
		received(sk, ret);
	return 0;
}
