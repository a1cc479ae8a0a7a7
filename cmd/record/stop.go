package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"unixcap/internal/monitor"

	"github.com/spf13/pflag"
)

// operationFlags are the flags of how a recording is watched and when it ends.
type operationFlags struct {
	quiet      bool
	failOnLoss bool
	duration   string
	conditions []string
	metrics    string
}

// An operation is what they say.
type operation struct {
	quiet      bool
	silent     bool // says nothing but errors, and what was dropped
	failOnLoss bool
	duration   time.Duration // 0 is no limit
	flushEvery time.Duration // 0 is as usual
	metrics    *monitor.Address
}

func (x *operationFlags) add(f *pflag.FlagSet) {
	f.StringVar(&x.duration, "duration", "", "end after `TIME`: seconds, or as 90s, 5m, 1h30m")
	f.StringArrayVarP(&x.conditions, "autostop", "a", nil, "end by dumpcap's `RULE`: duration:SECONDS, packets:N, filesize:KB, files:N")
	f.BoolVarP(&x.quiet, "quiet", "q", false, "no status line on a terminal")
	f.StringVar(&x.metrics, "metrics", "", "metrics for Prometheus at `ADDR`: the path of a UNIX socket, or 127.0.0.1:PORT")
	f.BoolVar(&x.failOnLoss, "fail-on-loss", false, "exit status 3 if anything was lost")
}

// parse checks the flags and takes them in. It comes after those of the files.
func (x *operationFlags) parse(f *pflag.FlagSet, o *options) error {
	o.operation.quiet, o.operation.failOnLoss = x.quiet, x.failOnLoss
	if f.Changed("duration") {
		d, err := parseDuration(x.duration)
		if err != nil {
			return fmt.Errorf("--duration %q: %w", x.duration, err)
		}
		o.operation.end(d)
	}
	for _, c := range x.conditions {
		if err := x.condition(c, o); err != nil {
			return fmt.Errorf("-a %s: %w", c, err)
		}
	}
	if f.Changed("metrics") {
		a, err := monitor.ParseAddress(x.metrics)
		if err != nil {
			return err
		}
		o.operation.metrics = &a
	}
	return nil
}

// end has the recording end after a time, or earlier.
func (o *operation) end(after time.Duration) {
	if o.duration == 0 || after < o.duration {
		o.duration = after
	}
}

// condition takes in one -a of dumpcap.
func (x *operationFlags) condition(c string, o *options) error {
	key, value, _ := strings.Cut(c, ":")
	if key == "duration" {
		d, err := parseSeconds(value)
		if err != nil {
			return err
		}
		o.operation.end(d)
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 50)
	switch key {
	default:
		return errors.New("there are duration:SECONDS, packets:N, filesize:KB and files:N")
	case "packets", "filesize", "files":
		if err != nil || n == 0 {
			return errors.New("not a number above 0")
		}
	}
	if key == "packets" {
		if o.count == 0 || n < o.count {
			o.count = n
		}
		return nil
	}
	r := &o.files.Rotation
	switch {
	case o.files.Name == "":
		return errors.New("is for files: give -w too")
	case key == "filesize" && r.Size > 0:
		return errors.New("when the next file comes is said already, with -b filesize: or -C")
	case key == "filesize" && r.Numbered: // so does dumpcap
		r.Size = int64(n) * 1000
	case key == "filesize":
		r.EndSize = int64(n) * 1000
	case r.Every == 0 && r.Size == 0 && r.Packets == 0:
		return errors.New("there is one file: say with -b, -C or -G when the next one comes")
	default:
		r.EndFiles = int(min(n, math.MaxInt32))
	}
	return nil
}

var errDuration = errors.New("not a time above 0, such as 30, 90s or 1h30m")

func parseDuration(s string) (time.Duration, error) {
	if d, err := parseSeconds(s); err == nil {
		return d, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errDuration
	}
	return d, nil
}

func parseSeconds(s string) (time.Duration, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0.001) || v > 1e9 {
		return 0, errors.New("not a number of seconds")
	}
	return time.Duration(v * float64(time.Second)), nil
}
