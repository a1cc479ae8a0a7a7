package bpf

// The objects are committed so that building needs only Go. `make generate`
// makes them anew with clang 19 and libbpf's headers.
//
// -mcpu=v3 is for atomic additions that return the old value (Linux 5.12);
// removeFetch takes them out for older kernels.

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-19 -strip llvm-strip-19 -go-package bpf -target amd64,arm64 -no-global-types sockets sockets.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-19 -strip llvm-strip-19 -go-package bpf -target amd64,arm64 -no-global-types fentry fentry.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-19 -strip llvm-strip-19 -go-package bpf -target amd64,arm64 -no-global-types kprobe kprobe.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-19 -strip llvm-strip-19 -go-package bpf -target amd64,arm64 -no-global-types tracepoint tracepoint.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3
