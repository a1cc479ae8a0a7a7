package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A worker is this program run anew as one that talks: argument 1 says what it
// does on descriptor 3. It uses system calls as directly as a C program does.
var workers = map[string]func(args []int){
	"echo":    echo,    // SIZE CPU
	"ping":    ping,    // SIZE CPU MILLISECONDS: prints ns a message
	"drain":   drain,   // CPU
	"flood":   flood,   // SIZE CPU MILLISECONDS RATE: prints messages and ns
	"sockets": sockets, // COUNT: makes so many pairs, says so, waits for a line, and talks on all
}

func work(name string, text []string) {
	runtime.LockOSThread()
	args := make([]int, len(text))
	for i, s := range text {
		n, err := strconv.Atoi(s)
		check(err)
		args[i] = n
	}
	workers[name](args)
}

func pin(cpu int) {
	var set unix.CPUSet
	set.Set(cpu)
	check(unix.SchedSetaffinity(0, &set))
}

const talkFD = 3

func send(b []byte) bool {
	for len(b) > 0 {
		n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, talkFD, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func receive(b []byte) bool {
	for len(b) > 0 {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, talkFD, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != 0 || n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func echo(args []int) {
	b := make([]byte, args[0])
	pin(args[1])
	for receive(b) && send(b) {
	}
}

func ping(args []int) {
	b := make([]byte, args[0])
	pin(args[1])
	once := func() {
		if !send(b) || !receive(b) {
			check(fmt.Errorf("the other end is gone"))
		}
	}
	for range 100 {
		once()
	}
	begun, end := time.Now(), time.Now().Add(time.Duration(args[2])*time.Millisecond)
	n := 0
	for ; n%64 != 0 || time.Now().Before(end); n++ {
		once()
	}
	fmt.Println(time.Since(begun).Nanoseconds() / int64(2*n))
}

func drain(args []int) {
	b := make([]byte, 1<<20)
	pin(args[0])
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, talkFD, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != 0 || n == 0 {
			return
		}
	}
}

// flood sends as fast as it can, or RATE messages a second in bursts of a
// millisecond.
func flood(args []int) {
	b := make([]byte, args[0])
	pin(args[1])
	length, rate := time.Duration(args[2])*time.Millisecond, args[3]
	begun := time.Now()
	n := 0
	for now := time.Duration(0); now < length; now = time.Since(begun) {
		due := n + 64
		if rate > 0 {
			due = int(now.Seconds() * float64(rate))
		}
		for ; n < due; n++ {
			if !send(b) {
				check(fmt.Errorf("the other end is gone"))
			}
		}
		if rate > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Println(n, time.Since(begun).Nanoseconds())
}

func sockets(args []int) {
	pairs := make([][2]int, args[0])
	for i := range pairs {
		var err error
		pairs[i], err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		check(err)
	}
	fmt.Println("ready")
	b := make([]byte, 64)
	for {
		if n, err := os.Stdin.Read(b[:1]); n == 0 || err != nil {
			return
		}
		for range 10 {
			for _, p := range pairs {
				_, err := unix.Write(p[0], b)
				check(err)
				_, err = unix.Read(p[1], b)
				check(err)
			}
		}
		fmt.Println("done")
	}
}

// start runs a worker on one end of a connection, by way of a program such as
// strace if there is one.
func start(way []string, fd *os.File, name string, args ...int) *exec.Cmd {
	self, err := os.Executable()
	check(err)
	list := append(append([]string{}, way...), self, name)
	for _, n := range args {
		list = append(list, strconv.Itoa(n))
	}
	cmd := exec.Command(list[0], list[1:]...)
	cmd.ExtraFiles = []*os.File{fd}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}
