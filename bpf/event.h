/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the programs tell user space: the records of the ring buffer, the
 * counters, and the settings that come the other way. event.go has the same
 * layouts in Go.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

enum op {
	OP_SEND = 1,	/* struct send_record, payload behind it */
	OP_SOCKET = 2,	/* struct socket_record */
	OP_CLOSE = 3,	/* struct close_record */
	OP_RECEIVE = 4,	/* struct receive_record */
	OP_AHEAD = 5,	/* struct send_record, payload behind it: see SEND_AHEAD */
};

enum send_flags {
	SEND_LAST = 1,		/* no further part of this message follows */
	SEND_FAULT = 2,		/* what follows part_len could not be read */
	SEND_NO_BUFFER = 4,	/* the payload's place is not known */
	SEND_CREDS = 8,		/* SCM_CREDENTIALS passed */
	SEND_AHEAD = 16,	/* the payload came before, as OP_AHEAD of this thread */
};

/*
 * A message comes as one record, or as several where it is longer than
 * PART_MAX; the others differ in part, part_len and flags only.
 */
struct send_record {
	__u8 op;
	__u8 kind;	/* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
	__u16 flags;
	__u16 fds;	/* descriptors passed with SCM_RIGHTS */
	__u16 pad;
	__u32 seq;	/* message number on this socket, from 0, lost ones counted */
	__u64 sk;
	__u64 peer;
	__u64 entry;	/* CLOCK_MONOTONIC ns; see the backends; 0 if unknown */
	__u64 exit;
	__u64 offset;	/* bytes this socket sent before, since it is watched */
	__u64 cgroup;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__s32 ret;	/* what the call returned: bytes or -errno */
	__u32 ino;
	__u32 peer_ino;
	__u32 part;	/* where in the message this record's payload starts */
	__u32 part_len;
	char comm[TASK_COMM_LEN];
	__u64 fd_types;	/* of the first 16: i_mode's type, 4 bits each from the lowest on */
};

/* Sent once a socket, before its first message or when it first receives. */
struct socket_record {
	__u8 op;
	__u8 kind;
	__u8 pad;
	__u8 state;	/* TCP_ESTABLISHED, TCP_LISTEN, … */
	__u32 ino;
	__u64 sk;
	__u64 peer;
	__u64 cookie;	/* 0 if the socket was never asked for one */
	__u64 cgroup;
	__u32 peer_ino;
	__u32 netns;
	__u32 pid;	/* who made the call, if the socket is the caller's; else 0 */
	__u32 tid;
	__u32 uid;
	__u32 peer_pid;	/* who connected or listened, as SO_PEERCRED has it */
	__u16 path_len;
	__u16 peer_path_len;
	char comm[TASK_COMM_LEN];
	char path[UNIX_PATH_MAX];
	char peer_path[UNIX_PATH_MAX];
};

struct close_record {
	__u8 op;
	__u8 pad[3];
	__u32 ino;
	__u64 sk;
	__u64 time;
};

/* A receive call took bytes off a stream. */
struct receive_record {
	__u8 op;
	__u8 kind;
	__u8 emptied;	/* nothing was left to receive */
	__u8 pad;
	__u32 ino;
	__u64 sk;
	__u64 peer;
	__u64 time;	/* CLOCK_MONOTONIC ns, after the call took them */
	__u64 received;	/* bytes this socket received with this call, since it is watched */
	__u64 cgroup;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 ret;	/* bytes */
	__u32 peer_ino;
	__u32 pad2;
	char comm[TASK_COMM_LEN];
};

/*
 * The verifier follows a loop step by step, and does so for each call of a static
 * function. A global one it goes through once. So a long loop is a short one that
 * calls a global function with another short loop. Every kernel takes that, and it
 * is checked in less time than bpf_loop (5.17), whose callbacks the verifier
 * before 6.7 takes for what they are at the first call.
 *
 * Before 5.12 a global function can have only numbers for arguments: in the kprobe
 * backend, which older kernels take as well, one with pointers is not global.
 */
#ifdef KPROBE
#define GLOBAL static __noinline
#else
#define GLOBAL __noinline
#endif

/* The interfaces of a capture file, in the order of capture.Kind. */
enum kind {
	KIND_STREAM,
	KIND_DGRAM,
	KIND_SEQPACKET,
	KINDS,
};

/* What was not recorded, by kind and reason. Per CPU; user space adds them up. */
struct loss {
	__u64 ring_messages;	/* whole messages: the ring buffer was full */
	__u64 ring_bytes;	/* bytes, of parts as well */
	__u64 fault_messages;	/* memory that could not be read */
	__u64 fault_bytes;
	__u64 no_buffer_messages; /* payloads whose place is not known */
	__u64 no_buffer_bytes;
	__u64 state_messages;	/* no memory for a socket's state */
	__u64 cap_messages;	/* beyond what a socket may have recorded */
	__u64 cap_bytes;
	__u64 missed_messages;	/* kprobe: only their beginning or end was seen */
};

/* Of the fentry backend's programs: see there. */
#define COPIES 4

/* Settings, fixed when the programs are loaded. */
volatile const __u32 self_tgid;
volatile const __u32 snaplen = 0xffffffff;
volatile const __u32 wakeup_bytes = 1 << 20;
volatile const bool record_failed;
volatile const bool record_receive;
volatile const __u64 cap_bytes;		/* of a socket; 0: no cap */
volatile const __u64 cap_rate;		/* bytes a second of a socket; 0: no cap */
volatile const __u32 filter_want;	/* 1 << enum condition_kind */
volatile const __u32 filter_not;
volatile const __u32 filter_patterns;	/* how many of the patterns are used */
volatile const bool filter_follow;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KINDS);
	__type(key, __u32);
	__type(value, struct loss);
} losses SEC(".maps");

/*
 * Waking the reader for each record costs more than everything else here, so
 * it is woken when much is pending and looks by itself every few milliseconds.
 */
static __always_inline __u64 wakeup(void)
{
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= wakeup_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline struct loss *loss(__u8 sock_type)
{
	__u32 kind = sock_type == SOCK_DGRAM	   ? KIND_DGRAM :
		     sock_type == SOCK_SEQPACKET ? KIND_SEQPACKET :
						   KIND_STREAM;

	return bpf_map_lookup_elem(&losses, &kind);
}
