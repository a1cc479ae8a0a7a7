package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"unixcap/internal/synthetic"
)

var (
	output    = flag.String("o", "docs/benchmarks.md", "file to write")
	rounds    = flag.Int("rounds", 5, "how often each thing is measured")
	length    = flag.Int("length", 400, "milliseconds that each ping-pong lasts")
	floodTime = flag.Int("flood", 4000, "milliseconds that each flood lasts")
	soakTime  = flag.Duration("soak", 0, "how long to soak; 0: not at all")
	analyze   = flag.Bool("analyze", false, "measure analysing only")
	decoding  = flag.Bool("decoders", false, "measure the decoders only")
	captured  = flag.String("capture", "", "capture of MySQL to analyse, instead of making one")
	streamed  = flag.Int64("stream", 10_000_000_000, "length of the stream that is read from a pipe; 0: none")
)

func main() {
	if len(os.Args) > 1 && workers[os.Args[1]] != nil {
		work(os.Args[1], os.Args[2:])
		return
	}
	if len(os.Args) > 1 && tools[os.Args[1]] != nil {
		tools[os.Args[1]](os.Args[2:])
		return
	}
	flag.Parse()
	if *decoding {
		d := new(document)
		decoderSpeeds(d)
		check(d.write(*output))
		return
	}
	var err error
	dir, err = os.MkdirTemp("/dev/shm", "unixcap")
	check(err)
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir, "unixcap/cmd/record", "unixcap/cmd/analyze")
	build.Stderr = os.Stderr
	check(build.Run())

	d := new(document)
	if !*analyze {
		d.head()
		pingPongs(d)
		many(d)
		rate := floods(d)
		soak(d, rate)
	}
	analysing(d)
	decoderSpeeds(d)
	check(d.write(*output))
}

// tools are what this program does for others that are measured, when it is run
// anew.
var tools = map[string]func(args []string){
	"walk": func(args []string) { walk(args[0]) },
	"ipv4": func(args []string) { asIPv4(args[0], args[1], number(args[2])) },
	"stream": func(args []string) {
		check(synthetic.Load{Bytes: int64(number(args[0])), Conversations: number(args[1]), Rows: 100}.Write(os.Stdout))
	},
}

// self is this program.
func self() string {
	name, err := os.Executable()
	check(err)
	return name
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
