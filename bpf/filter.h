/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which conversations are wanted. A filter has conditions of several kinds. Some
 * ask for a socket: either end may meet them. Some ask for a process: one of
 * those that talk must meet all of them. What --not has excludes a conversation
 * if either end meets one of its conditions.
 */
#pragma once
#include "pattern.h"

struct condition {
	__u64 value;
	__u32 kind;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct condition);
	__type(value, __u8);
} conditions SEC(".maps");

/* The processes that were found to be wanted or not. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} judged_tasks SEC(".maps");

/* Addresses are used again: the inode tells, or the peer while there is none. */
struct mark {
	__u64 peer;
	__u32 ino;
	__u32 verdict;
};

/* The sockets found to be those processes', or to face theirs. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct mark);
} marks SEC(".maps");

/* The struct unix_address of the sockets that the processes listen on. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} listening_names SEC(".maps");

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

static __always_inline __u32 judge_value(__u32 kind, __u64 value)
{
	struct condition c = { .kind = kind, .value = value };
	__u8 *v = bpf_map_lookup_elem(&conditions, &c);

	return v ? *v : 0;
}

/* Adds to met what a verdict on a condition of some kind says. */
static __always_inline __u32 meet(__u32 met, __u32 kind, __u32 verdict)
{
	if (verdict & WANT)
		met |= KIND(kind);
	if (verdict & NOT)
		met |= EXCLUDED;
	return met;
}

#define ASKED(kind) ((filter_want | filter_not) & KIND(kind))

/* The kinds of conditions on sockets that sk meets, or EXCLUDED. */
static __noinline __u32 judge_socket(struct sock *sk, __u32 slot)
{
	__u32 met = 0;

	if (!sk || !((filter_want | filter_not) & OF_SOCKETS))
		return 0;
	if (ASKED(BY_SK))
		met = meet(met, BY_SK, judge_value(BY_SK, (__u64)sk));
	if (ASKED(BY_INODE))
		met = meet(met, BY_INODE, judge_value(BY_INODE, inode_of(sk)));
	if (ASKED(BY_NETNS))
		met = meet(met, BY_NETNS,
			   judge_value(BY_NETNS, BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum)));
	if (ASKED(BY_TYPE))
		met = meet(met, BY_TYPE, judge_value(BY_TYPE, BPF_CORE_READ(sk, sk_type)));
	if (ASKED(BY_PATH))
		met = meet(met, BY_PATH, judge_path(sk, slot));
	return met;
}

/* Whether two ends that meet these conditions may talk to each other unheard. */
static __always_inline bool sockets_wanted(__u32 met, __u32 peer_met)
{
	__u32 want = filter_want & OF_SOCKETS;

	met |= peer_met;
	return !(met & EXCLUDED) && (met & want) == want;
}

static __always_inline __u32 task_verdict(__u32 met)
{
	__u32 want = filter_want & OF_TASKS;

	if (met & EXCLUDED)
		return NOT;
	return want && (met & want) == want ? WANT : 0;
}

/*
 * What the conditions on processes say of the current one. A process has its
 * first thread's name; the others may have their own, and count too while they act.
 */
static __always_inline __u32 judge_task(__u32 tgid, __u32 slot)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	char comm[TASK_COMM_LEN];
	__u32 met = 0, verdict;
	__u8 v, *known;
	__u64 id;

	if (ASKED(BY_PID))
		met = meet(met, BY_PID, judge_value(BY_PID, tgid));
	if (ASKED(BY_UID) || ASKED(BY_GID)) {
		id = bpf_get_current_uid_gid();
		met = meet(met, BY_UID, judge_value(BY_UID, id & 0xffffffff));
		met = meet(met, BY_GID, judge_value(BY_GID, id >> 32));
	}
	if (ASKED(BY_CGROUP))
		met = meet(met, BY_CGROUP, judge_value(BY_CGROUP, bpf_get_current_cgroup_id()));
	if (ASKED(BY_COMM)) {
		BPF_CORE_READ_STR_INTO(&comm, t, group_leader, comm);
		met = meet(met, BY_COMM, judge_comm(comm, slot));
	}
	verdict = task_verdict(met);
	v = verdict;
	known = bpf_map_lookup_elem(&judged_tasks, &tgid);
	if (known && !verdict)
		bpf_map_delete_elem(&judged_tasks, &tgid);
	else if (verdict && (!known || *known != v))
		bpf_map_update_elem(&judged_tasks, &tgid, &v, 0);
	if (!ASKED(BY_COMM) || BPF_CORE_READ(t, pid) == tgid)
		return verdict;
	bpf_get_current_comm(comm, sizeof(comm));
	return task_verdict(meet(met, BY_COMM, judge_comm(comm, slot)));
}

/* What was found of sk before. */
static __always_inline __u32 marked(struct sock *sk)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk;
	struct mark *m;

	if (!sk)
		return 0;
	m = bpf_map_lookup_elem(&marks, &key);
	if (!m)
		return 0;
	if (m->ino)
		return m->ino == inode_of(sk) ? m->verdict : 0;
	if (m->peer != (__u64)BPF_CORE_READ(u, peer))
		return 0;
	m->ino = inode_of(sk); /* accepted meanwhile */
	return m->verdict;
}

static __always_inline void mark(struct sock *sk, __u32 verdict)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk;
	struct mark m = {};
	__u32 before;

	/* A closed socket has no inode either; its address may be another's soon. */
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_flags) & (1 << SOCK_DEAD))
		return;
	before = marked(sk);
	if ((before & verdict) == verdict)
		return;
	m.verdict = before | verdict;
	m.ino = inode_of(sk);
	m.peer = (__u64)BPF_CORE_READ(u, peer);
	bpf_map_update_elem(&marks, &key, &m, 0);
}

static __always_inline __u32 judged_before(__u32 tgid)
{
	__u8 *v = bpf_map_lookup_elem(&judged_tasks, &tgid);

	return v ? *v : 0;
}

/*
 * A connection has its listener's address. Who accepts it shows only when it is
 * used: of several processes that listen together, any may. So what is sent to
 * it before counts as sent to each of them.
 */
static __always_inline __u32 may_accept(struct sock *sk)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk, name;
	struct description *d;
	__u8 *v;

	if (!sk)
		return 0;
	name = (__u64)BPF_CORE_READ(u, addr);
	if (!name)
		return 0;
	v = bpf_map_lookup_elem(&listening_names, &name);
	if (!v)
		return 0;
	d = bpf_map_lookup_elem(&described, &key);
	return !d || !d->holder ? *v : judged_before(d->holder);
}

/* A connection to a name of the processes turns out to be somebody else's. */
static __always_inline void note_holder(struct sock *sk, __u32 tgid)
{
	struct unix_sock *u = (void *)sk;
	__u64 key = (__u64)sk, name = (__u64)BPF_CORE_READ(u, addr);
	struct description *old, d = {};

	if (!name || !bpf_map_lookup_elem(&listening_names, &name))
		return;
	old = bpf_map_lookup_elem(&described, &key);
	if (old && old->holder == tgid)
		return;
	d.ino = inode_of(sk);
	d.holder = tgid;
	bpf_map_update_elem(&described, &key, &d, 0);
}

/*
 * A conversation is a process's when the process acts in it, when it is the one
 * that the kernel says is at the other end (SO_PEERCRED), when it was found to
 * hold either end, or when it listens where the other end waits. facing is what
 * was found of an unconnected datagram's receiver.
 */
static __noinline bool processes_wanted(struct sock *sk, struct sock *peer, __u32 facing, __u32 slot)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, verdict;
	struct pid *pid;

	if (!sk)
		return false;
	verdict = judge_task(tgid, slot);
	if (verdict) {
		mark(sk, verdict);
		mark(peer, verdict);
	} else {
		note_holder(sk, tgid);
	}
	verdict |= marked(sk) | marked(peer) | may_accept(peer) | facing;
	pid = BPF_CORE_READ(sk, sk_peer_pid);
	if (pid)
		verdict |= judged_before(BPF_CORE_READ(pid, numbers[0].nr));
	if (verdict & NOT)
		return false;
	return verdict & WANT || !(filter_want & OF_TASKS);
}

/* Processes to follow have children that are followed too, until they end. */
SEC("raw_tp/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = BPF_CORE_READ(parent, tgid), child_tgid = BPF_CORE_READ(child, tgid);
	struct condition c = { .kind = BY_PID, .value = tgid };
	__u8 *v, verdict;

	if (child_tgid == tgid)
		return 0;
	v = bpf_map_lookup_elem(&conditions, &c);
	if (!v)
		return 0;
	verdict = *v;
	c.value = child_tgid;
	bpf_map_update_elem(&conditions, &c, &verdict, 0);
	bpf_map_update_elem(&judged_tasks, &child_tgid, &verdict, 0);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct condition c = { .kind = BY_PID, .value = tgid };

	/* do_exit counts the threads down before it gets here. */
	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	bpf_map_delete_elem(&judged_tasks, &tgid);
	if (filter_follow)
		bpf_map_delete_elem(&conditions, &c);
	return 0;
}
