package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
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
	profile, err := filepath.Abs("cmd/analyze/default.pgo")
	check(err)
	var list speeds
	for range *rounds { // all in each, for a machine has slow moments
		test := exec.Command("go", "test", "unixcap/decoders/...", "-p", "1", "-run", "^$", "-bench", ".", "-benchtime", "300ms", "-cpu", "1",
			"-pgo", profile)
		test.Stderr = os.Stderr
		out, err := test.Output()
		if err != nil {
			check(fmt.Errorf("the decoders' benchmarks: %w: %s", err, out))
		}
		list.read(out)
	}
	rows := [][]string{{"", "what it reads (`Benchmark…`)", "MB per CPU second"}}
	for _, s := range list {
		rows = append(rows, []string{s.protocol, s.benchmark, fmt.Sprintf("%.0f", median(s.speeds))})
	}
	if len(rows) == 1 {
		check(fmt.Errorf("the decoders' benchmarks measured nothing"))
	}
	d.b.WriteString(decodersTitle)
	d.text(fmt.Sprintf("What each decoder makes of a conversation in memory, without a file, sums or output, by the benchmarks in "+
		"`decoders/*/*_test.go`, compiled by the profile that `analyze` is; medians of %d. Measured on %s.", *rounds, machine()))
	d.table(rows)
}

// Speeds are those of all benchmarks.
type speeds []*decoderSpeed

// read reads what go test says of benchmarks, those of decodertest.Benchmark.
func (list *speeds) read(out []byte) {
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
			one := list.of(protocol, strings.TrimPrefix(fields[0], "Benchmark"))
			one.speeds = append(one.speeds, speed)
		}
	}
}

// of returns those of one benchmark.
func (list *speeds) of(protocol, benchmark string) *decoderSpeed {
	for _, s := range *list {
		if s.protocol == protocol && s.benchmark == benchmark {
			return s
		}
	}
	s := &decoderSpeed{protocol: protocol, benchmark: benchmark}
	*list = append(*list, s)
	return s
}
