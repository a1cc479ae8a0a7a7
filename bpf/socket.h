/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What is known and remembered of each socket, and which sockets are wanted. */
#pragma once
#include "event.h"
#include "sock.h"

enum state_flags {
	STATE_DESCRIBED = 1,	/* its socket_record is out */
	STATE_HOLDER = 16,	/* with who holds it */
	STATE_ENDED = 2,	/* its peer's close_record is out */
	STATE_PATH_YES = 4,	/* the path patterns match either end */
	STATE_PATH_NO = 8,
};

struct socket_state {
	__u64 sent;	/* place() */
	__u64 offset;	/* of a message not long ago, and its number */
	__u64 peer;	/* that the path flags were found with */
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

/* What is remembered from the start of a thread's call to its end. */
struct call {
	__u64 entry;
	__u64 receiver;		/* of a datagram, with its inode */
	__u32 receiver_ino;
	__u32 nr;		/* system call number */
	__u32 index;		/* of sendmmsg's message */
	__u64 vector;		/* sendmmsg's */
	bool receiver_wanted;	/* its path matches a pattern */
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

/* --sk: wanted at either end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} wanted_sks SEC(".maps");

/* -p: the processes, and the sockets found to be theirs or facing theirs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} wanted_pids SEC(".maps");

/* Addresses are used again: the inode tells, or the peer while there is none. */
struct mark {
	__u64 peer;
	__u32 ino;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct mark);
} sks_of_pids SEC(".maps");

/* The struct unix_address of the sockets that the processes listen on. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} names_of_pids SEC(".maps");

/* The sockets that user space knows, by address: only their end matters. */
struct description {
	__u32 ino;	/* 0 while there is none */
	__u32 holder;	/* process that last described it by using it, or 0 */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct description);
} described SEC(".maps");

/* Path patterns: a text with * and ?, or a file's device and inode. */
#define PATTERNS_MAX 192
struct pattern {
	__u32 len;
	__u32 dev; /* new_encode_dev's or the kernel's own numbering: see Go */
	__u64 ino; /* 0: the text only */
	char text[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PATTERNS_MAX);
	__type(key, __u32);
	__type(value, struct pattern);
} patterns SEC(".maps");

/*
 * A name being matched with the patterns. It is in a map, not on the stack, so
 * that the verifier takes the positions for any numbers and does not follow
 * each way through the loop.
 */
struct name {
	__u32 len;
	__u32 in_pattern, in_name;
	__u32 star, star_name; /* where to go on if what follows * fails */
	__u32 matched;
	char text[UNIX_PATH_MAX + 20]; /* a power of two, for the verifier */
};

#define SLOTS (3 + 2 * COPIES) /* enum slot */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct name);
} names SEC(".maps");

struct match {
	struct name *n;
	struct pattern *p;
};

/* One step of matching: the usual loop with one place to go back to. */
static long match_step(__u64 _, struct match *m)
{
	struct pattern *p = m->p;
	struct name *n = m->n;
	__u32 pi = n->in_pattern, ni = n->in_name;
	char c = 0;

	if (pi < p->len) {
		c = p->text[pi & 127];
		if (c == '*') {
			n->star = n->in_pattern = pi + 1;
			n->star_name = ni;
			return 0;
		}
	}
	if (ni >= n->len) {
		n->matched = pi >= p->len;
		return 1;
	}
	if (pi < p->len && (c == '?' || c == n->text[ni & 127])) {
		n->in_pattern = pi + 1;
		n->in_name = ni + 1;
		return 0;
	}
	if (!n->star)
		return 1;
	n->in_pattern = n->star;
	n->in_name = ++n->star_name;
	return 0;
}

struct search {
	struct name *n;
	__u64 ino;
	__u32 dev;
};

static long search_pattern(__u64 i, struct search *s)
{
	struct match m = { .n = s->n };
	struct name *n = s->n;
	__u32 key = i;

	m.p = bpf_map_lookup_elem(&patterns, &key);
	if (!m.p)
		return 1;
	if (m.p->ino && m.p->ino == s->ino && m.p->dev == s->dev) {
		n->matched = true;
		return 1;
	}
	n->in_pattern = n->in_name = n->star = n->star_name = 0;
	/* Backtracking can visit each pair of positions once. */
	bpf_loop(128 * 128, match_step, &m, 0);
	return n->matched ? 1 : 0;
}

/* Whether a path pattern matches the name or the file that sk is bound to. */
static __always_inline bool path_wanted(struct sock *sk, __u32 slot)
{
	struct unix_sock *u = (void *)sk;
	struct search s = {};
	struct dentry *d;

	if (!sk)
		return false;
	s.n = bpf_map_lookup_elem(&names, &slot);
	if (!s.n)
		return false;
	s.n->len = read_path(sk, s.n->text);
	if (!s.n->len)
		return false;
	s.n->matched = false;
	if (!s.n->text[0])
		s.n->text[0] = '@'; /* abstract, as ss and /proc/net/unix write it */
	else if (s.n->len <= UNIX_PATH_MAX && !s.n->text[(s.n->len - 1) & 127])
		s.n->len--; /* the length of a path may count its NUL */
	d = BPF_CORE_READ(u, path.dentry);
	if (d) {
		s.ino = BPF_CORE_READ(d, d_inode, i_ino);
		s.dev = BPF_CORE_READ(d, d_inode, i_sb, s_dev);
	}
	bpf_loop(filter_paths, search_pattern, &s, 0);
	return s.n->matched;
}

static __always_inline bool pid_wanted(__u32 tgid)
{
	return bpf_map_lookup_elem(&wanted_pids, &tgid) != NULL;
}

static __always_inline void mark(struct sock *sk)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk;
	struct mark m = {};

	/* A closed socket has no inode either; its address may be another's soon. */
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_flags) & (1 << SOCK_DEAD))
		return;
	m.ino = inode_of(sk);
	m.peer = (__u64)BPF_CORE_READ(u, peer);
	bpf_map_update_elem(&sks_of_pids, &key, &m, 0);
}

static __always_inline bool marked(struct sock *sk)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk;
	struct mark *m = bpf_map_lookup_elem(&sks_of_pids, &key);

	if (!m)
		return false;
	if (m->ino)
		return m->ino == inode_of(sk);
	if (m->peer != (__u64)BPF_CORE_READ(u, peer))
		return false;
	m->ino = inode_of(sk); /* accepted meanwhile */
	return true;
}

/*
 * A connection has its listener's address. Who accepts it shows only when it is
 * used: of several processes that listen together, any may. So what is sent to
 * it before counts as sent to each of them.
 */
static __always_inline bool may_accept(struct sock *sk)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk, name;
	struct description *d;

	if (!sk)
		return false;
	name = (__u64)BPF_CORE_READ(u, addr);
	if (!name || !bpf_map_lookup_elem(&names_of_pids, &name))
		return false;
	d = bpf_map_lookup_elem(&described, &key);
	return !d || !d->holder || pid_wanted(d->holder);
}

/* A connection to a name of the processes turns out to be somebody else's. */
static __always_inline void note_holder(struct sock *sk, __u32 tgid)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk, name = (__u64)BPF_CORE_READ(u, addr);
	struct description *old, d = {};

	if (!name || !bpf_map_lookup_elem(&names_of_pids, &name))
		return;
	old = bpf_map_lookup_elem(&described, &key);
	if (old && old->holder == tgid)
		return;
	d.ino = inode_of(sk);
	d.holder = tgid;
	bpf_map_update_elem(&described, &key, &d, 0);
}

/*
 * A conversation belongs to a process when the process sends in it, when it is
 * the one that the kernel says is at the other end (SO_PEERCRED), when it was
 * found to hold either end, or when it listens where the other end waits.
 */
static __always_inline bool conversation_of_pids(struct sock *sk, struct sock *peer, __u32 tgid)
{
	struct pid *pid;

	if (pid_wanted(tgid)) {
		mark(sk);
		mark(peer);
		return true;
	}
	note_holder(sk, tgid);
	if (marked(sk) || may_accept(peer))
		return true;
	pid = BPF_CORE_READ(sk, sk_peer_pid);
	return pid && pid_wanted(BPF_CORE_READ(pid, numbers[0].nr));
}

static __always_inline bool sk_wanted(__u64 sk)
{
	return bpf_map_lookup_elem(&wanted_sks, &sk) != NULL;
}

/* The filters that need no state. All kinds given must agree. */
static __always_inline bool wanted(struct sock *sk, struct sock *peer, __u32 tgid)
{
	if (tgid == self_tgid)
		return false;
	if (filter_sk && !sk_wanted((__u64)sk) && !sk_wanted((__u64)peer))
		return false;
	if (filter_pid && !conversation_of_pids(sk, peer, tgid))
		return false;
	return true;
}

/* The path filter, asked once for each socket and peer. */
static __always_inline bool path_of_either_wanted(struct socket_state *st, struct sock *sk,
						  struct sock *peer, __u32 slot)
{
	if (!filter_paths)
		return true;
	if (!(st->flags & (STATE_PATH_YES | STATE_PATH_NO)) || st->peer != (__u64)peer) {
		st->flags &= ~(STATE_PATH_YES | STATE_PATH_NO);
		if (path_wanted(sk, slot) || path_wanted(peer, slot))
			st->flags |= STATE_PATH_YES;
		else
			st->flags |= STATE_PATH_NO;
		st->peer = (__u64)peer;
	}
	return st->flags & STATE_PATH_YES;
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

static __always_inline struct call *current_call(void)
{
	return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
}
