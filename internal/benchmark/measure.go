package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A program is a command whose cost is measured.
type program struct {
	name string
	args []string
	env  []string
	file string   // it reads, for its size
	into []string // what its output is piped into, if anything; its cost counts as well
}

// A cost is what one run of a program took.
type cost struct {
	cpu, wall time.Duration
	memory    int64 // bytes at the most, of the larger one of two
}

// run measures one run. The output goes nowhere, and must not be empty.
func (p *program) run() cost {
	begun := time.Now()
	first := exec.Command(p.args[0], p.args[1:]...)
	first.Env = append(os.Environ(), p.env...)
	all, last := []*exec.Cmd{first}, first
	if len(p.into) > 0 {
		last = exec.Command(p.into[0], p.into[1:]...)
		r, w, err := os.Pipe()
		check(err)
		first.Stdout, last.Stdin = w, r
		all = append(all, last)
	}
	var stderr bytes.Buffer
	last.Stderr = &stderr
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	check(err)
	defer null.Close()
	last.Stdout = null
	for _, cmd := range all {
		check(cmd.Start())
	}
	if len(all) > 1 { // the programs have the pipe now
		check(errors.Join(first.Stdout.(io.Closer).Close(), last.Stdin.(io.Closer).Close()))
	}
	var c cost
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			check(fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, &stderr))
		}
		u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		c.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		c.memory = max(c.memory, u.Maxrss<<10)
	}
	c.wall = time.Since(begun)
	return c
}

// costs are those of several runs.
type costs struct{ cpu, wall, memory []float64 }

// measureAll measures all programs in turn, several times over.
func measureAll(list []program) []costs {
	all := make([]costs, len(list))
	for round := range *rounds {
		for i := range list {
			c := list[i].run()
			progress("analysing, round %d: %s: %v of CPU, %v, %d MiB", round+1, list[i].name, c.cpu, c.wall.Round(time.Millisecond), c.memory>>20)
			all[i].cpu = append(all[i].cpu, c.cpu.Seconds())
			all[i].wall = append(all[i].wall, c.wall.Seconds())
			all[i].memory = append(all[i].memory, float64(c.memory))
		}
	}
	return all
}

// atOnce measures how long two runs at the same time take, as a multiple of one.
func atOnce(p program) float64 {
	var alone, both []float64
	for range *rounds {
		alone = append(alone, p.run().wall.Seconds())
		begun := time.Now()
		var runs sync.WaitGroup
		for range 2 {
			runs.Go(func() { p.run() })
		}
		runs.Wait()
		both = append(both, time.Since(begun).Seconds())
	}
	return median(both) / median(alone)
}

// size is how many MB a file has.
func size(name string) float64 {
	info, err := os.Stat(name)
	check(err)
	return float64(info.Size()) / 1e6
}
