/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Reading what the kernel's struct sock says of itself. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

static __always_inline __u32 inode_of(struct sock *sk)
{
	struct socket_alloc *s;

	if (!sk)
		return 0;
	s = (void *)BPF_CORE_READ(sk, sk_socket);
	return s ? BPF_CORE_READ(s, vfs_inode.i_ino) : 0;
}

/* The type in a file's i_mode, 4 bits: 12 a socket, 8 a file, 0 an eventfd or the like. */
static __always_inline __u64 file_type(struct file *f)
{
	return (BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) >> 12;
}

/* The bound name without sun_family; its length, 0 for an unnamed socket. */
static __always_inline __u16 read_path(struct sock *sk, char *path)
{
	struct unix_sock *u = (void *)sk;
	struct unix_address *a;
	int n;

	if (!sk)
		return 0;
	a = BPF_CORE_READ(u, addr);
	if (!a)
		return 0;
	n = BPF_CORE_READ(a, len) - (int)sizeof(unsigned short);
	if (n <= 0)
		return 0;
	if (n > UNIX_PATH_MAX)
		n = UNIX_PATH_MAX;
	barrier_var(n);
	if (n < 0 || n > UNIX_PATH_MAX ||
	    bpf_probe_read_kernel(path, n, &a->name[0].sun_path))
		return 0;
	return n;
}

/* Who sk is connected to. sk must be a program's argument, or the verifier objects. */
static __always_inline struct sock *peer_of(struct sock *sk)
{
	struct unix_sock *u = (void *)sk;

	return BPF_CORE_READ(u, peer);
}
