/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel types that the programs look into, with only the fields that
 * they read. CO-RE moves each access to where the running kernel has the
 * field, so nothing here depends on one version. Fields that were renamed have
 * a second type with the suffix ___old or ___new, chosen at load time.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* Values of the kernel's interface, include/uapi/linux and include/linux. */
#define AF_UNIX 1
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2
#define RCV_SHUTDOWN 1
#define MSG_PEEK 2
#define TCP_LISTEN 10
#define SOCK_DEAD 0 /* enum sock_flags, include/net/sock.h */
#define S_IFMT 0170000
#define SOCKFS_MAGIC 0x534F434B
#define UNIX_PATH_MAX 108
#define TASK_COMM_LEN 16
#define UIO_MAXIOV 1024
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_NOEXIST = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	int counter;
} atomic_t;

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct super_block {
	unsigned int s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct dentry {
	struct inode *d_inode;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct socket;

struct sock_common {
	unsigned short skc_family;
	unsigned long skc_flags;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	atomic64_t skc_cookie;
};

struct sk_buff {
	struct sk_buff *next;
	struct sk_buff *prev;
	struct sock *sk;
	unsigned int len;
	unsigned int data_len; /* of it in fragments */
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
	char cb[48];
};

struct scm_fp_list {
	short count;
	struct file *fp[1];
};

/* What is in an AF_UNIX socket buffer's cb. */
struct unix_skb_parms {
	struct scm_fp_list *fp;
};

struct sk_buff_head {
	struct sk_buff *prev;
	__u32 qlen;
};

struct skb_shared_info {
	__u8 nr_frags;
	char frags[1]; /* skb_frag_t */
};

/* skb_frag_t; before 6.9 it was a struct bio_vec. */
struct skb_frag {
	unsigned long netmem; /* a struct page's address */
	unsigned int len;
	unsigned int offset;
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	__u8 sk_shutdown;
	__u16 sk_type;
	struct socket *sk_socket;
	struct pid *sk_peer_pid;
};

struct socket {
	struct sock *sk;
};

struct socket_alloc {
	struct inode vfs_inode;
};

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[UNIX_PATH_MAX];
};

struct unix_address {
	int len; /* of name, sun_family included */
	struct sockaddr_un name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
};

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

struct kvec {
	void *iov_base;
	unsigned long iov_len;
};

struct page {
	unsigned long flags;
};

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
};

struct iov_iter {
	__u8 iter_type;
	unsigned long iov_offset;
	unsigned long nr_segs;
	void *ubuf;
	const struct iovec *__iov;
	const struct kvec *kvec;
	const struct bio_vec *bvec;
};

/* Before 6.4 __iov was called iov. */
struct iov_iter___old {
	const struct iovec *iov;
};

/* Before 5.14 type had the direction in its lowest bit, and is a mask. */
struct iov_iter___v513 {
	unsigned int type;
};

enum iter_type {
	ITER_UBUF,
	ITER_IOVEC,
	ITER_KVEC,
	ITER_BVEC,
};

struct msghdr {
	void *msg_name;
	struct iov_iter msg_iter;
	void *msg_control;
	unsigned long msg_controllen;
};

struct mm_struct {
	void *pgd;
};

/* A struct page that is a page table; since 6.5, before it had the field itself. */
struct ptdesc {
	struct mm_struct *pt_mm;
};

struct page___old {
	struct mm_struct *pt_mm;
};

struct list_head {
	struct list_head *next;
};

struct signal_struct {
	atomic_t live;
};

struct task_struct {
	struct signal_struct *signal;
	struct mm_struct *mm;
	unsigned int flags;
	int pid;
	int tgid;
	char comm[TASK_COMM_LEN];
	struct files_struct *files;
	struct task_struct *group_leader;
	struct list_head tasks;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	unsigned int fd;
	struct file *file;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
};

#pragma clang attribute pop

/* What user space passes to sendmsg and sendmmsg; an ABI, never relocated. */
struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	struct iovec *msg_iov;
	unsigned long msg_iovlen;
	void *msg_control;
	unsigned long msg_controllen;
	unsigned int msg_flags;
};

struct mmsghdr {
	struct user_msghdr msg_hdr;
	unsigned int msg_len;
};

struct cmsghdr {
	unsigned long cmsg_len;
	int cmsg_level;
	int cmsg_type;
};
