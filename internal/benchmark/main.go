package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

var (
	output    = flag.String("o", "docs/benchmarks.md", "file to write")
	rounds    = flag.Int("rounds", 5, "how often each thing is measured")
	length    = flag.Int("length", 400, "milliseconds that each ping-pong lasts")
	floodTime = flag.Int("flood", 4000, "milliseconds that each flood lasts")
	soakTime  = flag.Duration("soak", 0, "how long to soak; 0: not at all")
)

func main() {
	if len(os.Args) > 1 && workers[os.Args[1]] != nil {
		work(os.Args[1], os.Args[2:])
		return
	}
	flag.Parse()
	var err error
	dir, err = os.MkdirTemp("/dev/shm", "unixcap")
	check(err)
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "record"), "unixcap/cmd/record")
	build.Stderr = os.Stderr
	check(build.Run())

	d := new(document)
	d.machine()
	pingPongs(d)
	many(d)
	rate := floods(d)
	soak(d, rate)
	check(d.write(*output))
}

func check(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchmark: %v\n", err)
		if dir != "" {
			os.RemoveAll(dir)
		}
		os.Exit(1)
	}
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
