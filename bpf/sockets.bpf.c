//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Lists the UNIX sockets there are and who holds them: one struct holder for
 * each descriptor. It goes through all processes' descriptors, since iter/unix
 * loses sockets at the borders of its buffer (7 to 11 % of 10,000 on 6.18).
 */
#include "sock.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct holder {
	__u64 sk;
	__u64 peer;
	__u64 cookie;
	__u64 addr;	/* struct unix_address: shared by a listener and those it accepts */
	__u32 ino;
	__u32 peer_ino;
	__u32 netns;
	__u32 tgid;
	__u32 fd;
	__u32 peer_pid;
	__u8 kind;
	__u8 state;
	__u16 path_len;
	char comm[TASK_COMM_LEN];
	char path[UNIX_PATH_MAX];
};

/* Not inlined, so that the type information has the struct: layout_test.go. */
static __noinline int fill_holder(struct holder *h, struct sock *sk)
{
	struct unix_sock *u = (void *)sk;
	struct sock *peer = BPF_CORE_READ(u, peer);
	struct pid *pid = BPF_CORE_READ(sk, sk_peer_pid);

	h->sk = (__u64)sk;
	h->ino = inode_of(sk);
	h->peer = (__u64)peer;
	h->peer_ino = inode_of(peer);
	h->addr = (__u64)BPF_CORE_READ(u, addr);
	h->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	h->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	h->kind = BPF_CORE_READ(sk, sk_type);
	h->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (pid)
		h->peer_pid = BPF_CORE_READ(pid, numbers[0].nr);
	h->path_len = read_path(sk, h->path);
	return 0;
}

/*
 * The UNIX socket that a file is; NULL if it is none. A file of sockfs has its
 * socket as private_data (sock_alloc_file, net/socket.c); there is
 * bpf_sock_from_file since 5.11 only.
 */
static __always_inline struct sock *unix_sock_of(struct file *f)
{
	struct socket *s;
	struct sock *sk;

	if (BPF_CORE_READ(f, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	s = BPF_CORE_READ(f, private_data);
	sk = s ? BPF_CORE_READ(s, sk) : NULL;
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return NULL;
	return sk;
}

/* That of a process's descriptor. */
static __always_inline struct sock *held(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;

	return f && t && t->pid == t->tgid ? unix_sock_of(f) : NULL;
}

SEC("iter/task_file")
int list_holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct sock *sk = held(ctx);
	struct holder h = {};

	if (!sk || !t)
		return 0;
	fill_holder(&h, sk);
	h.tgid = t->tgid;
	h.fd = ctx->fd;
	BPF_CORE_READ_STR_INTO(&h.comm, t, comm);
	bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
	return 0;
}

/*
 * The same for a kernel that has no type information, and so no iterators: this
 * goes through the processes and their descriptors by itself, in a run that user
 * space asks for (BPF_PROG_TEST_RUN, 5.10).
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 25);
} holders SEC(".maps");

struct walk {
	struct task_struct *first, *task;
	__u32 fd;
	__u32 done;
	__u64 lost; /* for want of room */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walk);
} walks SEC(".maps");

/* Where in a task_struct its list entry is. */
#define next_task(t)                                                           \
	((struct task_struct *)((void *)BPF_CORE_READ(t, tasks.next) -         \
				bpf_core_field_offset(struct task_struct, tasks)))

static __noinline int fill_walked(struct holder *h, struct walk *w, struct sock *sk)
{
	struct task_struct *t = w->task;

	fill_holder(h, sk);
	h->tgid = BPF_CORE_READ(t, tgid);
	h->fd = w->fd;
	BPF_CORE_READ_STR_INTO(&h->comm, t, comm);
	return 0;
}

/* Looks at one descriptor, or goes to the next process. */
static __always_inline void walk_on(struct walk *w)
{
	struct task_struct *t = w->task;
	struct file **files, *f = NULL;
	struct holder h = {};
	struct fdtable *fdt;
	struct sock *sk;

	fdt = BPF_CORE_READ(t, files, fdt);
	if (!fdt || w->fd >= BPF_CORE_READ(fdt, max_fds)) {
		w->fd = 0;
		w->task = next_task(t);
		w->done = w->task == w->first;
		return;
	}
	files = BPF_CORE_READ(fdt, fd);
	sk = bpf_probe_read_kernel(&f, sizeof(f), files + w->fd) || !f ? NULL : unix_sock_of(f);
	if (sk) {
		fill_walked(&h, w, sk);
		if (bpf_ringbuf_output(&holders, &h, sizeof(h), BPF_RB_NO_WAKEUP))
			w->lost++;
	}
	w->fd++;
}

/* 2^21 places for descriptors in all processes' tables, in loops of which the verifier sees one at a time. */
#define WALK_STEPS 8
#define WALK_RUNS 512

__noinline int walk_steps(void)
{
	__u32 zero = 0;
	struct walk *w = bpf_map_lookup_elem(&walks, &zero);

	if (!w)
		return 1;
	for (int i = 0; i < WALK_STEPS && !w->done; i++)
		walk_on(w);
	return w->done;
}

__noinline int walk_run(void)
{
	for (int i = 0; i < WALK_RUNS; i++)
		if (walk_steps())
			return 1;
	return 0;
}

SEC("raw_tp")
int walk_holders(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	__u32 zero = 0;
	struct walk *w = bpf_map_lookup_elem(&walks, &zero);

	if (!w)
		return 0;
	w->first = w->task = BPF_CORE_READ(t, group_leader);
	for (int i = 0; i < WALK_RUNS; i++)
		if (walk_run())
			break;
	return 0;
}

struct living {
	__u64 sk;
	__u32 ino;
	__u32 pad;
};

/* Not inlined, so that the type information has the struct: layout_test.go. */
static __noinline int fill_living(struct living *l, struct sock *sk)
{
	l->sk = (__u64)sk;
	l->ino = inode_of(sk);
	return 0;
}

/* Lists the sockets that a map has something of: those that are gone have nothing. */
SEC("iter/bpf_sk_storage_map")
int list_living(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct living l = {};

	/* A closed socket stays as long as the one that was connected to it. */
	if (!sk || sk->__sk_common.skc_flags & (1 << SOCK_DEAD))
		return 0;
	fill_living(&l, sk);
	bpf_seq_write(ctx->meta->seq, &l, sizeof(l));
	return 0;
}

/* The same where that is forbidden, as good as can be: the sockets that somebody holds. */
SEC("iter/task_file")
int list_held(struct bpf_iter__task_file *ctx)
{
	struct sock *sk = held(ctx);
	struct living l = {};

	if (!sk)
		return 0;
	fill_living(&l, sk);
	bpf_seq_write(ctx->meta->seq, &l, sizeof(l));
	return 0;
}

/*
 * Where x86 has all memory mapped, and the struct pages of it: without KASLR
 * constants (arch/x86/include/asm/page_64_types.h, pgtable_64_types.h), with it in
 * two variables, the addresses of which user space finds, or leaves 0.
 */
volatile const __u64 page_offset_base_at;
volatile const __u64 vmemmap_base_at;

struct page_map {
	__u64 page_offset_base;
	__u64 vmemmap_base;
	__u64 right; /* 1: they hold */
};

/*
 * Tells for each process whether that is right: the top page table of its address
 * space is a page whose struct page has the address space (pgd_set_mm,
 * arch/x86/mm/pgtable.c).
 */
static __noinline int fill_page_map(struct page_map *m, struct mm_struct *mm)
{
	struct page___old *old;
	struct ptdesc *page;
	__u64 pgd;

	m->page_offset_base = 0xffff888000000000;
	m->vmemmap_base = 0xffffea0000000000;
	if (page_offset_base_at && vmemmap_base_at) {
		bpf_probe_read_kernel(&m->page_offset_base, 8, (void *)page_offset_base_at);
		bpf_probe_read_kernel(&m->vmemmap_base, 8, (void *)vmemmap_base_at);
	}
	pgd = (__u64)BPF_CORE_READ(mm, pgd);
	page = (void *)(m->vmemmap_base + (pgd - m->page_offset_base) / 4096 *
						  bpf_core_type_size(struct page));
	old = (void *)page;
	if (bpf_core_type_exists(struct ptdesc))
		m->right = BPF_CORE_READ(page, pt_mm) == mm;
	else
		m->right = BPF_CORE_READ(old, pt_mm) == mm;
	return 0;
}

SEC("iter/task")
int check_page_map(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct page_map m = {};
	struct mm_struct *mm;

	if (!t || t->pid != t->tgid)
		return 0;
	mm = BPF_CORE_READ(t, mm);
	if (!mm)
		return 0;
	fill_page_map(&m, mm);
	bpf_seq_write(ctx->meta->seq, &m, sizeof(m));
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct page_map);
} page_maps SEC(".maps");

/* The same for a kernel without iterators, of the process that asks. */
SEC("raw_tp")
int check_own_page_map(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct mm_struct *mm = BPF_CORE_READ(t, mm);
	__u32 zero = 0;
	struct page_map *m = bpf_map_lookup_elem(&page_maps, &zero);

	if (m && mm)
		fill_page_map(m, mm);
	return 0;
}
