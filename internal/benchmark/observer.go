package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dir is where the recordings go: memory, so that no disk is measured.
var dir string

// An observer is a program that records while something is measured.
type observer struct {
	cmd   *exec.Cmd
	lines chan string
	text  bytes.Buffer
}

// observe starts an observer and waits until it says that it is ready.
func observe(ready string, args ...string) *observer {
	o := &observer{cmd: exec.Command(args[0], args[1:]...), lines: make(chan string, 64)}
	stderr, err := o.cmd.StderrPipe()
	check(err)
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(o.cmd.Start())
	go func() {
		for s := bufio.NewScanner(stderr); s.Scan(); {
			o.lines <- s.Text()
		}
		close(o.lines)
	}()
	for line := range o.lines {
		fmt.Fprintln(&o.text, line)
		if strings.Contains(line, ready) {
			return o
		}
	}
	check(fmt.Errorf("%s: %v: %s", strings.Join(args, " "), o.cmd.Wait(), &o.text))
	return nil
}

// record starts the recorder that is measured.
func record(args ...string) *observer {
	return observe("listening on", append([]string{filepath.Join(dir, "record"), "-w", filepath.Join(dir, "x.pcapng")}, args...)...)
}

func tcpdump() *observer {
	o := observe("listening on", "tcpdump", "-i", "lo", "-Z", "root", "-w", filepath.Join(dir, "x.pcap"), "tcp")
	time.Sleep(200 * time.Millisecond) // it says so before it does
	return o
}

// stop ends an observer, removes what it wrote, and returns what it said.
func (o *observer) stop() string {
	if o == nil {
		return ""
	}
	check(o.cmd.Process.Signal(os.Interrupt))
	for line := range o.lines {
		fmt.Fprintln(&o.text, line)
	}
	check(o.cmd.Wait())
	for _, pattern := range []string{"x.pcap*", "x_*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		check(err)
		for _, name := range names {
			check(os.Remove(name))
		}
	}
	return o.text.String()
}

var counted = regexp.MustCompile(`(?m)^(\d+) packets captured\n\d+ packets received by filter\n(\d+) packets dropped by kernel`)

// counts returns the numbers that record ends with.
func counts(text string) (captured, dropped int) {
	m := counted.FindStringSubmatch(text)
	if m == nil {
		check(fmt.Errorf("no numbers in %q", text))
	}
	return number(m[1]), number(m[2])
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	check(err)
	return n
}

// cpu is how much processor time an observer has used. The kernel counts it in
// hundredths of a second.
func (o *observer) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.cmd.Process.Pid))
	check(err)
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	return time.Duration(number(f[11])+number(f[12])) * 10 * time.Millisecond
}

// memory is how many MiB an observer has, and had at the most.
func (o *observer) memory() (now, most int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	check(err)
	read := func(key string) int {
		_, rest, _ := strings.Cut(string(b), "\n"+key+":")
		return number(strings.Fields(rest)[0]) >> 10
	}
	return read("VmRSS"), read("VmHWM")
}
