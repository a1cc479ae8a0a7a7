//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The kprobe backend: breakpoints on AF_UNIX's own functions, where there are no
 * trampolines, or the kernel lacks what the fentry backend needs. It sees the
 * same. What a function was called with is noted at its beginning: a kretprobe is
 * told the result only.
 *
 * These programs are for old kernels, too, so they have no pointers that the verifier
 * knows more of than that they are numbers, and remember all in hash maps.
 */
#define KPROBE
#include "msg_iter.h"
#include "receive.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What a kprobe's program gets: include/uapi of each architecture's ptrace.h. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	unsigned long orig_rax, rip, cs, eflags, rsp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};
struct pt_regs;
#endif

/* CLOCK_MONOTONIC ns of when all programs were there; 0 before, and once they go. */
__u64 complete_since;

/*
 * Only the beginning or only the end of a call was seen: a kretprobe remembers so
 * many calls at once, and none of these programs runs while a map is written to
 * on its CPU (bpf_prog_active, kernel/trace/bpf_trace.c).
 */
static __always_inline void count_missed(__u8 type)
{
	struct loss *l = loss(type);

	if (l)
		count(&l->missed_messages, 1);
}

static __always_inline struct call *begin_send(struct socket *sock, void *message)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);
	__u16 type = BPF_CORE_READ(sk, sk_type);
	struct call *c = current_call();

	if (!c) {
		count_unknown(type);
		return NULL;
	}
	if (c->open && complete_since && c->entry >= complete_since)
		count_missed(c->record.kind);
	begin_call(c);
	c->record.kind = type;
	c->sock = (__u64)sk;
	c->msg = (__u64)message;
	c->open = true;
	return c;
}

/* The call that ends. type is what it is counted as if its beginning was not seen. */
static __always_inline struct call *end_send(int ret, __u8 type)
{
	struct call *c = known_call();

	if (!c || !c->open) {
		if (ret > 0 && complete_since)
			count_missed(type);
		return NULL;
	}
	c->open = false;
	return c;
}

static __always_inline void end_message(int ret, __u8 type, __u32 slot)
{
	struct call *c = end_send(ret, type);

	if (c && sent((void *)c->sock, ret, c, slot))
		submit_message(c, &c->at, (void *)c->msg);
}

SEC("kprobe/unix_stream_sendmsg")
int BPF_KPROBE(stream_entry, struct socket *sock, struct msghdr *msg)
{
	struct call *c = begin_send(sock, msg);

	if (c)
		locate(msg, &c->at);
	return 0;
}

SEC("kretprobe/unix_stream_sendmsg")
int BPF_KRETPROBE(stream_exit, int ret)
{
	end_message(ret, SOCK_STREAM, SLOT_STREAM);
	return 0;
}

SEC("kprobe/unix_dgram_sendmsg")
int BPF_KPROBE(dgram_entry, struct socket *sock, struct msghdr *msg)
{
	struct call *c = begin_send(sock, msg);

	if (c)
		locate(msg, &c->at);
	return 0;
}

SEC("kretprobe/unix_dgram_sendmsg")
int BPF_KRETPROBE(dgram_exit, int ret)
{
	end_message(ret, SOCK_DGRAM, SLOT_DGRAM);
	return 0;
}

/* Until 6.4: what sendfile and splice send on a stream, page by page. */
SEC("kprobe/unix_stream_sendpage")
int BPF_KPROBE(page_entry, struct socket *sock, struct page *page, int offset)
{
	struct call *c = begin_send(sock, page);

	if (!c)
		return 0;
	c->at.source = pages_are_mapped() ? PAGE : UNKNOWN;
	c->at.base = (__u64)page;
	c->at.in_segment = offset;
	c->at.segments = 1;
	return 0;
}

SEC("kretprobe/unix_stream_sendpage")
int BPF_KRETPROBE(page_exit, int ret)
{
	struct call *c = end_send(ret, SOCK_STREAM);

	if (c && sent((void *)c->sock, ret, c, SLOT_PAGE))
		submit_accepted(c, &c->at);
	return 0;
}

/* A datagram's receiver: see fentry.bpf.c. */
SEC("kprobe/security_unix_may_send")
int BPF_KPROBE(may_send, struct socket *sock, struct socket *other)
{
	struct sock *sk = BPF_CORE_READ(other, sk);
	struct call *c = known_call();

	if (sk && c && c->open)
		datagram_ready(c, sk);
	return 0;
}

SEC("kprobe/sock_def_readable")
int BPF_KPROBE(readable, struct sock *sk)
{
	struct call *c;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
	    BPF_CORE_READ(sk, sk_type) == SOCK_STREAM)
		return 0;
	c = known_call();
	if (c && c->open)
		datagram_ready(c, sk);
	return 0;
}

/* What a thread is about to receive from. Its end matters only if it is recorded. */
struct receiving {
	__u64 sk;
	__s32 flags;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct receiving);
} receivings SEC(".maps");

static __always_inline void begin_receive(struct socket *sock, int flags)
{
	struct receiving r = { .sk = (__u64)BPF_CORE_READ(sock, sk), .flags = flags };
	__u32 tid = bpf_get_current_pid_tgid();
	struct receiving *before;
	struct socket_state *st;

	if (!r.sk)
		return;
	st = known_state((void *)r.sk);
	if (!st || !(st->flags & STATE_HOLDER))
		meet_receiver((void *)r.sk);
	if (!record_receive)
		return;
	before = bpf_map_lookup_elem(&receivings, &tid);
	if (before)
		*before = r;
	else
		bpf_map_update_elem(&receivings, &tid, &r, 0);
}

static __always_inline void end_receive(int ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct receiving *r = bpf_map_lookup_elem(&receivings, &tid);

	if (r && r->sk)
		received((void *)r->sk, ret, r->flags);
	if (r)
		r->sk = 0;
}

SEC("kprobe/unix_stream_recvmsg")
int BPF_KPROBE(stream_receive, struct socket *sock, struct msghdr *msg, unsigned long size,
	       int flags)
{
	begin_receive(sock, flags);
	return 0;
}

SEC("kretprobe/unix_stream_recvmsg")
int BPF_KRETPROBE(stream_received, int ret)
{
	end_receive(ret);
	return 0;
}

/* What splice and sendfile take off a stream does not go through recvmsg. */
SEC("kprobe/unix_stream_splice_read")
int BPF_KPROBE(stream_splice, struct socket *sock)
{
	begin_receive(sock, 0);
	return 0;
}

SEC("kretprobe/unix_stream_splice_read")
int BPF_KRETPROBE(stream_spliced, int ret)
{
	end_receive(ret);
	return 0;
}

SEC("kprobe/unix_release")
int BPF_KPROBE(released, struct socket *sock)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);

	if (sk)
		closed(sk, inode_of(sk));
	return 0;
}

SEC("kprobe/unix_shutdown")
int BPF_KPROBE(shut_down, struct socket *sock, int mode)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);

	if (sk && ends_sending(mode)) /* with a mode from 0 to 2 it does not fail */
		closed(sk, inode_of(sk));
	return 0;
}

/* The socket is gone, and its address may be another's. */
SEC("kprobe/unix_sock_destructor")
int BPF_KPROBE(destroyed, struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&socket_states, &key);
	return 0;
}
