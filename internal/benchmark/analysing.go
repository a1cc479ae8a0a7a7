package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// slice is how many packets of the capture the slow programs are given: about
// 30 MB. What they do in a second of CPU does not depend on it.
const slice = 25_000

// needed are the programs without which analysing cannot be measured.
var needed = []string{"editcap", "tshark", "tcpdump", "pt-query-digest"}

// analysing measures analyze beside others on one capture, and writes a section.
func analysing(d *document) {
	for _, name := range needed {
		if _, err := exec.LookPath(name); err != nil {
			check(fmt.Errorf("%w (scripts/test.sh installs what is needed)", err))
		}
	}
	file := *captured
	if file == "" {
		file = sysbench()
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	pcap, ipv4, part := in("sysbench.pcap"), in("ipv4.pcap"), in("part.pcap")
	convert(file, pcap, 0)
	must(self(), "ipv4", file, ipv4, "0")
	must(self(), "ipv4", file, part, fmt.Sprint(slice))

	list := programs(file, pcap, ipv4, part)
	results := measureAll(list)
	both := atOnce(list[slices.IndexFunc(list, func(p program) bool { return p.name == reportName })])
	d.section("Analysing", analysingText(file))
	d.text("Measured on " + machine() + ".")
	byName := make(map[string]costs)
	for i, p := range list {
		byName[p.name] = results[i]
	}
	report := size(file) / median(byName[reportName].cpu)
	rows := [][]string{{"", "file, MB", "MB per CPU second", "`report` is so many times as fast", "memory, MiB", "time, s"}}
	for i, p := range list {
		c := results[i]
		speed := size(p.file) / median(c.cpu)
		rows = append(rows, []string{p.name, fmt.Sprintf("%.0f", size(p.file)), fmt.Sprintf("%.1f", speed),
			fmt.Sprintf("%.1f", report/speed), fmt.Sprintf("%.0f", median(c.memory)/(1<<20)), fmt.Sprintf("%.2f", median(c.wall))})
	}
	d.table(rows)
	d.text(fmt.Sprintf("With two cores, `report` is done in %.2f of the time: %.2f times as fast (pcap: %.2f times).",
		median(byName[twoCores].wall)/median(byName[reportName].wall),
		median(byName[reportName].wall)/median(byName[twoCores].wall),
		median(byName[reportName+pcapSuffix].wall)/median(byName[twoCores+pcapSuffix].wall)))
	d.text(fmt.Sprintf("Two of them at once, each on one core, take %.2f of the time of one after the other: two cores of this machine are worth %.2f of one.",
		both/2, 2/both))
	pipe(d)
}

const (
	reportName = "`analyze report`, one core"
	twoCores   = "`analyze report`, two cores"
	pcapSuffix = ", pcap"
)

// programs are what is compared.
func programs(file, pcap, ipv4, part string) []program {
	analyze := filepath.Join(dir, "analyze")
	cores := func(n int) []string { return []string{fmt.Sprintf("GOMAXPROCS=%d", n)} }
	return []program{
		{name: "`cat`", args: []string{"cat", file}, into: []string{"cat"}, file: file},
		{name: "blocks of the file, nothing done with them", args: []string{self(), "walk", file}, env: cores(1), file: file},
		{name: reportName, args: []string{analyze, "report", file}, env: cores(1), file: file},
		{name: twoCores, args: []string{analyze, "report", file}, env: cores(2), file: file},
		{name: reportName + pcapSuffix, args: []string{analyze, "report", pcap}, env: cores(1), file: pcap},
		{name: twoCores + pcapSuffix, args: []string{analyze, "report", pcap}, env: cores(2), file: pcap},
		{name: "`analyze report`, one core, as IPv4 over Ethernet", args: []string{analyze, "report", ipv4}, env: cores(1), file: ipv4},
		{name: "`analyze flows`, one core", args: []string{analyze, "flows", file}, env: cores(1), file: file},
		{name: "`analyze log --format jsonl`, one core", args: []string{analyze, "log", "--format", "jsonl", file}, env: cores(1), file: file},
		{name: "`analyze dump --format jsonl`, one core", args: []string{analyze, "dump", "--format", "jsonl", file}, env: cores(1), file: file},
		{name: "`tshark -T fields -e mysql.query`", args: []string{"tshark", "-r", part, "-T", "fields", "-e", "mysql.query"}, file: part},
		{name: "`tcpdump -x`, `pt-query-digest --type tcpdump`", args: []string{"tcpdump", "-r", part, "-s", "65535", "-x", "-nn", "-q", "-tttt"},
			into: []string{"pt-query-digest", "--type", "tcpdump"}, file: part},
	}
}

func analysingText(file string) string {
	return strings.Join(strings.Fields(fmt.Sprintf(`A MariaDB server that sysbench's oltp_read_write talks to over a UNIX socket
		was recorded, half of it with prepared statements: %.0f MB. The same as classic pcap (editcap) has no comments, so less of everything.
		pt-query-digest reads nothing but IPv4, so it and tshark get the first %d packets as TCP over IPv4 over Ethernet.
		CPU time is user and system time of all processes; memory is the most that one had (ru_maxrss). Files are in
		memory, and all output goes to /dev/null.`, size(file), slice)), " ")
}

// pipe has analyze read a stream that is larger than any memory.
func pipe(d *document) {
	if *streamed == 0 {
		return
	}
	analyze := program{
		args: []string{self(), "stream", fmt.Sprint(*streamed), fmt.Sprint(conversations)},
		into: []string{filepath.Join(dir, "analyze"), "report", "-"},
	}
	c := analyze.run()
	d.text(fmt.Sprintf("A stream of %.1f GB made for the purpose, with %d conversations none of which ends, read from a pipe by `analyze report -`: "+
		"%d MiB of memory at the most, %.1f s.", float64(*streamed)/1e9, conversations, c.memory>>20, c.wall.Seconds()))
}

// conversations is how many the stream has: more than analyze follows at once.
const conversations = 100_000
