package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
)

// decodersTitle begins what -decoders replaces; it is the last of the tables.
const decodersTitle = "\n### Each decoder\n"

// A decoderSpeed is what one benchmark of a decoder measured, round by round.
type decoderSpeed struct {
	protocol, benchmark string
	speeds              []float64
}

// decoderSpeeds writes how fast each decoder is by itself, as its own benchmarks
// measure it.
func decoderSpeeds(d *document) {
	test := exec.Command("go", "test", "unixcap/decoders/...", "-p", "1", "-run", "^$", "-bench", ".", "-benchtime", "100ms",
		"-cpu", "1", "-count", strconv.Itoa(*rounds))
	test.Stderr = os.Stderr
	out, err := test.Output()
	if err != nil {
		check(fmt.Errorf("the decoders' benchmarks: %w: %s", err, out))
	}
	rows := [][]string{{"", "what it reads (`Benchmark…`)", "MB per CPU second"}}
	for _, s := range readSpeeds(out) {
		rows = append(rows, []string{s.protocol, s.benchmark, fmt.Sprintf("%.0f", median(s.speeds))})
	}
	if len(rows) == 1 {
		check(fmt.Errorf("the decoders' benchmarks measured nothing: %s", out))
	}
	d.b.WriteString(decodersTitle)
	d.text(fmt.Sprintf("What each decoder makes of a conversation in memory, without a file, sums or output, by the benchmarks in "+
		"`decoders/*/*_test.go`; medians of %d. Measured on %s.", *rounds, machine()))
	d.table(rows)
}

// readSpeeds reads what go test says of benchmarks, those of decodertest.Benchmark.
func readSpeeds(out []byte) (list []*decoderSpeed) {
	protocol := ""
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			protocol = path.Base(name)
			continue
		}
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			if fields[i] != "MB/cpu-s" {
				continue
			}
			speed, err := strconv.ParseFloat(fields[i-1], 64)
			check(err)
			name := strings.TrimPrefix(fields[0], "Benchmark")
			if n := len(list); n == 0 || list[n-1].protocol != protocol || list[n-1].benchmark != name {
				list = append(list, &decoderSpeed{protocol: protocol, benchmark: name})
			}
			last := list[len(list)-1]
			last.speeds = append(last.speeds, speed)
		}
	}
	return list
}
