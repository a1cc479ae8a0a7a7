package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A condition is what goes on beside a ping-pong.
type condition struct {
	name    string
	tcp     bool     // the ping-pong is over TCP
	way     []string // its processes are started by this
	observe func() *observer
}

// conditions are compared, each with the unobserved ping-pong of its kind.
func conditions() []condition {
	list := []condition{
		{name: "UNIX socket"},
		{name: "record, filter that matches nothing", observe: func() *observer { return record("/no/such/socket") }},
		{name: "record", observe: func() *observer { return record() }},
		{name: "record --receive", observe: func() *observer { return record("--receive") }},
		{name: "TCP over loopback", tcp: true},
		{name: "tcpdump -i lo -w", tcp: true, observe: tcpdump},
		{name: "strace -f -e trace=network,desc", way: []string{"strace", "-f", "-e", "trace=network,desc", "-o", filepath.Join(dir, "strace")}},
	}
	if err := exec.Command("perf", "trace", "-o", "/dev/null", "true").Run(); err == nil {
		list = append(list, condition{name: "perf trace", way: []string{"perf", "trace", "-o", filepath.Join(dir, "perf")}})
	}
	return list
}

// pingPong returns ns a message of one run.
func pingPong(c *condition, size, cpu int) float64 {
	var o *observer
	if c.observe != nil {
		o = c.observe()
	}
	pair := unixPair
	if c.tcp {
		pair = tcpPair
	}
	a, b := pair()
	other := start(c.way, b, "echo", size, cpu)
	check(other.Start())
	check(b.Close())
	var out bytes.Buffer
	one := start(c.way, a, "ping", size, 0, *length)
	one.Stdout = &out
	check(one.Run())
	check(a.Close())
	check(other.Wait())
	o.stop()
	for _, file := range []string{"strace", "perf"} {
		os.Remove(filepath.Join(dir, file)) // if it was there
	}
	return float64(number(strings.TrimSpace(out.String())))
}

// pingPongs measures all conditions in turn and writes a table for each place
// of the two processes.
func pingPongs(d *document) {
	d.section("Ping-pong", `Two processes send a message to and fro, `+
		`and everything is recorded to a file in memory. The numbers are ns a message, `+
		`and their ratio to the same without anybody watching.`)
	list := conditions()
	sizes := []int{64, 4096, 65536}
	for _, place := range []struct {
		name string
		cpu  int
	}{
		{"Both processes on one CPU, so that only the cost of the calls shows", 0},
		{"Each process on a CPU of its own, so that waking the other is part of it", 1},
	} {
		results := make([]map[int][]float64, len(list))
		for i := range list {
			results[i] = make(map[int][]float64)
		}
		for round := range *rounds {
			for i := range list {
				for _, size := range sizes {
					ns := pingPong(&list[i], size, place.cpu)
					results[i][size] = append(results[i][size], ns)
					progress("ping-pong, round %d: %s, %d B: %.0f ns", round+1, list[i].name, size, ns)
				}
			}
		}
		rows := [][]string{{place.name, "64 B", "", "4 KiB", "", "64 KiB", ""}}
		for i := range list {
			row := []string{list[i].name}
			for _, size := range sizes {
				base := results[0]
				if list[i].tcp {
					base = results[4]
				}
				ns := median(results[i][size])
				row = append(row, fmt.Sprintf("%.0f", ns), fmt.Sprintf("%.2f", ns/median(base[size])))
			}
			rows = append(rows, row)
		}
		d.table(rows)
	}
	if !slices.ContainsFunc(list, func(c condition) bool { return c.name == "perf trace" }) {
		d.text("`perf trace` is not among them: this machine has none that runs.")
	}
}
