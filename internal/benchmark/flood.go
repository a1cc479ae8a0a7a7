package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// floodOnce sends one way for some time. rate is 0 for as fast as it goes.
func floodOnce(size, ms, rate int) (sent int, took time.Duration) {
	a, b := unixPair()
	other := start(nil, b, "drain", 1)
	check(other.Start())
	check(b.Close())
	var out bytes.Buffer
	one := start(nil, a, "flood", size, 0, ms, rate)
	one.Stdout = &out
	check(one.Run())
	check(a.Close())
	check(other.Wait())
	var ns int64
	_, err := fmt.Sscan(out.String(), &sent, &ns)
	check(err)
	return sent, time.Duration(ns)
}

// A floodResult is what a recorded flood came to.
type floodResult struct {
	rate float64 // messages a second
	lost int
	cpu  time.Duration // of the recorder, a message
}

// recorded floods while everything is recorded, to two files in turn so that
// memory suffices.
func recorded(size, ms, rate int) floodResult {
	o := record("-b", "filesize:1000000", "-b", "files:2")
	before := o.cpu()
	sent, took := floodOnce(size, ms, rate)
	for last := time.Duration(-1); last != o.cpu(); time.Sleep(200 * time.Millisecond) {
		last = o.cpu() // until it has caught up
	}
	used := o.cpu() - before
	captured, dropped := counts(o.stop())
	if captured+dropped < sent {
		check(fmt.Errorf("sent %d messages, captured %d, dropped %d", sent, captured, dropped))
	}
	return floodResult{float64(sent) / took.Seconds(), dropped, used / time.Duration(sent)}
}

// highest finds the highest rate without a loss: as fast as it goes if nothing
// is lost then, otherwise by halving.
func highest(size int) floodResult {
	r := recorded(size, *floodTime, 0)
	if r.lost == 0 {
		return r
	}
	low, high := floodResult{}, r.rate
	for high-low.rate > high/20 {
		rate := (low.rate + high) / 2
		if r := recorded(size, *floodTime, int(rate)); r.lost == 0 && r.rate > low.rate {
			low = r
		} else {
			high = rate
		}
		progress("flood of %d B: between %.0f and %.0f messages/s", size, low.rate, high)
	}
	return low
}

// floods returns the highest rate of short messages.
func floods(d *document) float64 {
	d.section("Flood", fmt.Sprintf(`One process sends, another receives, each on a CPU of its own, and all is `+
		`recorded to files in memory. There is no third CPU: the recorder takes its time from those two. `+
		`The rate is the highest without a single loss, for %d seconds; where nothing is lost at full speed, it is that.`, *floodTime/1000))
	rows := [][]string{{"", "64 B", "", "64 KiB", ""}, {"", "messages/s", "GB/s", "messages/s", "GB/s"}}
	type numbers struct{ plain, recorded, cpu []float64 }
	sizes := []int{64, 65536}
	results := make(map[int]*numbers)
	for _, size := range sizes {
		n := &numbers{}
		results[size] = n
		for range *rounds {
			sent, took := floodOnce(size, *floodTime, 0)
			n.plain = append(n.plain, float64(sent)/took.Seconds())
			r := highest(size)
			n.recorded = append(n.recorded, r.rate)
			n.cpu = append(n.cpu, float64(r.cpu))
			progress("flood of %d B: %.0f messages/s, recorded %.0f", size, n.plain[len(n.plain)-1], r.rate)
		}
	}
	row := func(name string, pick func(*numbers) []float64) {
		r := []string{name}
		for _, size := range sizes {
			rate := median(pick(results[size]))
			r = append(r, fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.2f", rate*float64(size)/1e9))
		}
		rows = append(rows, r)
	}
	row("nobody watches", func(n *numbers) []float64 { return n.plain })
	row("recorded, without loss", func(n *numbers) []float64 { return n.recorded })
	d.table(rows)
	d.text(fmt.Sprintf("The recorder itself uses %.0f ns of CPU for a message of 64 B, and %.0f ns for one of 64 KiB.",
		median(results[64].cpu), median(results[65536].cpu)))
	return median(results[64].recorded)
}

// soak records for a long time at half the highest rate.
func soak(d *document, rate float64) {
	if *soakTime == 0 {
		return
	}
	o := record("-b", "filesize:1000000", "-b", "files:2")
	var memory []string
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 10 {
			time.Sleep(*soakTime / 10)
			now, _ := o.memory()
			memory = append(memory, fmt.Sprint(now))
			progress("soak: %d MiB", now)
		}
	}()
	sent, took := floodOnce(64, int(soakTime.Milliseconds())+500, int(rate/2))
	<-done
	captured, dropped := counts(o.stop())
	d.section("Soak", fmt.Sprintf(`%d messages of 64 B in %v, %.0f a second, half the highest rate: %d captured, %d dropped. `+
		`The recorder's memory after each tenth of the time, in MiB: %s.`,
		sent, took.Round(time.Second), float64(sent)/took.Seconds(), captured, dropped, strings.Join(memory, ", ")))
}

// many measures a host with many sockets.
func many(d *document) {
	const pairs = 5000
	ready := func() (ms []float64) {
		for range *rounds {
			begun := time.Now()
			o := record()
			ms = append(ms, float64(time.Since(begun).Microseconds())/1000)
			o.stop()
		}
		return ms
	}
	few := ready()
	a, b := unixPair()
	defer b.Close()
	cmd := start(nil, a, "sockets", pairs)
	in, err := cmd.StdinPipe()
	check(err)
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	check(a.Close())
	await(out)
	all := ready()
	o := record()
	before := o.cpu()
	_, err = in.Write([]byte("\n"))
	check(err)
	await(out)
	time.Sleep(500 * time.Millisecond)
	used := o.cpu() - before
	_, most := o.memory()
	captured, dropped := counts(o.stop())
	check(in.Close())
	check(cmd.Wait())
	d.section("Many sockets", fmt.Sprintf(`From its start until it records, `+"`record`"+` takes %.0f ms, and %.0f ms when there are %d more sockets. `+
		`With a conversation on all of them, %d connections of 10 messages, it uses at most %d MiB and %.0f ns of CPU for a message; captured %d messages, dropped %d.`,
		median(few), median(all), 2*pairs, pairs, most, float64(used.Nanoseconds())/(10*pairs), captured, dropped))
}

// await waits for a line.
func await(out interface{ Read([]byte) (int, error) }) {
	if n, err := out.Read(make([]byte, 64)); n == 0 || err != nil {
		check(fmt.Errorf("a worker ended: %w", err))
	}
}
