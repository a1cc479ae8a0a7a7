// Package bpf holds the programs that run in the kernel and loads them: it
// turns what happens on UNIX sockets into Events.
//
// The C sources go from the general to the particular: kernel.h has the kernel's
// types, event.h the records and settings shared with this package, storage.h what
// is remembered, sock.h, pattern.h, filter.h and socket.h what is known of a socket and
// whether it is wanted, payload.h the copying, send.h what every backend does with
// a send. Each backend is one *.bpf.c file that hooks the kernel in its own way:
// fentry and kprobe find the payload by msg_iter.h, tracepoint by skb.h.
package bpf
