package endtoend

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"unixcap/decoders"
)

// A redis is a server of the test's own.
type redis struct {
	t      *testing.T
	socket string
	pid    int
}

func startRedis(t *testing.T) *redis {
	t.Helper()
	needs(t, "redis-server", "redis-cli", "redis-benchmark")
	dir := t.TempDir()
	r := &redis{t: t, socket: filepath.Join(dir, "redis.sock")}
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", r.socket, "--save", "", "--dir", dir,
		"--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.pid = cmd.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	for exec.Command("redis-cli", "-s", r.socket, "ping").Run() != nil {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("redis-server: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return r
}

func (r *redis) cli(args ...string) string {
	r.t.Helper()
	return run(r.t, "redis-cli", append([]string{"-s", r.socket}, args...)...)
}

// typed has the client send lines, which it reads as people type them.
func (r *redis) typed(lines string, args ...string) {
	r.t.Helper()
	cmd := exec.Command("redis-cli", append([]string{"-s", r.socket}, args...)...)
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("redis-cli: %v\n%s", err, out)
	}
}

const redisLines = `ping
set user:1001:name "J\xc3\xb6rg \"the\" first"
get user:1001:name
get user:1002:name
incr user:1001:name
lpush list:7 a b "" "c d"
lrange list:7 0 -1
hset h:1 f 1 g 2
hgetall h:1
mset k:1 1 k:2 2
mget k:1 k:2 k:3
get list:7
nonsense a b
get
multi
set tx:1 1
incr list:7
exec
multi
set
exec
config set masterauth a-secret
object encoding k:1
eval "redis.call('set', KEYS[1], '1'); return redis.call('get', KEYS[1])" 1 key:5
xadd stream:1 1-1 f v
set bin "\x00\x01\xff\r\n"
auth nobody wrong-password
echo "hello world"
`

// A server's MONITOR, INFO commandstats and errorstats have the commands, texts
// and errors that analyze finds in what record saw of a pipelined benchmark, of
// RESP2, RESP3 and pub/sub.
func TestRedis(t *testing.T) {
	needs(t, "tshark")
	r := startRedis(t)
	r.cli("config", "resetstat")
	before := r.errors()
	monitor := exec.Command("redis-cli", "-s", r.socket, "monitor")
	pipe, err := monitor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := monitor.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { monitor.Process.Kill(); monitor.Wait() })
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "OK" {
		t.Fatalf("monitor: %q, %v", lines.Text(), lines.Err())
	}
	told := make(chan []string, 1)
	go func() { // a monitor that does not read is sent nothing
		var all []string
		for lines.Scan() && !strings.HasSuffix(lines.Text(), `] "echo" "the end"`) {
			all = append(all, lines.Text())
		}
		told <- all
	}()
	file := filepath.Join(t.TempDir(), "redis.pcapng")
	rec := record(t, "-w", file, r.socket)
	r.talk()
	after := r.errors()
	r.cli("echo", "the end")
	monitored := <-told
	captured, dropped := rec.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}

	found := exchanges(t, file, "--proto", "redis")
	t.Run("monitor", func(t *testing.T) { monitorAgrees(t, monitored, found) })
	t.Run("commandstats", func(t *testing.T) { statsAgree(t, r, found) })
	t.Run("errorstats", func(t *testing.T) { errorsAgree(t, before, after, found) })
	t.Run("messages", func(t *testing.T) { messagesArrived(t, found) })
	t.Run("tshark errors", func(t *testing.T) { respAgrees(t, file, found) })
	t.Run("tshark arguments", func(t *testing.T) { argumentsAgree(t, file, found) })
	t.Logf("%d messages, %d exchanges", captured, len(found))
}

// talk says all that is compared.
func (r *redis) talk() {
	r.t.Helper()
	subscriber := exec.Command("redis-cli", "-s", r.socket, "subscribe", "news.1", "news.2")
	out, err := subscriber.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := subscriber.Start(); err != nil {
		r.t.Fatal(err)
	}
	heard := bufio.NewScanner(out)
	wait := func(text string) {
		for heard.Scan() {
			if heard.Text() == text {
				return
			}
		}
		r.t.Errorf("the subscriber never said %q: %v", text, heard.Err())
	}
	wait("news.2")
	r.typed(redisLines)
	r.typed("hgetall h:1\nset k:3 3\nget k:9\nget list:7\n", "-3")
	r.cli("publish", "news.1", "hello")
	r.cli("publish", "news.2", "two words")
	wait("two words")
	subscriber.Process.Kill()
	subscriber.Wait()
	run(r.t, "redis-benchmark", "-s", r.socket, "-P", "16", "-c", "4", "-n", "2000", "-r", "1000", "-d", "100",
		"-t", "set,get,incr,lpush,mset", "-q")
}

// info returns the lines of a section of INFO that begin with prefix.
func (r *redis) info(section, prefix string) map[string]string {
	r.t.Helper()
	m := make(map[string]string)
	for line := range strings.Lines(r.cli("info", section)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && strings.HasPrefix(name, prefix) {
			m[strings.TrimPrefix(name, prefix)] = value
		}
	}
	return m
}

// errors returns how often the server answered with which code.
func (r *redis) errors() map[string]int {
	r.t.Helper()
	m := make(map[string]int)
	for code, value := range r.info("errorstats", "errorstat_") {
		n, err := strconv.Atoi(strings.TrimPrefix(value, "count="))
		if err != nil {
			r.t.Fatal(err)
		}
		m[code] = n
	}
	return m
}

// redisWords splits a line into words as redis-cli and MONITOR write them.
func redisWords(t *testing.T, s string) []string {
	t.Helper()
	var words []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, " ") {
		n := strings.IndexByte(s+" ", ' ')
		word := s[:n]
		if s[0] == '"' {
			for n = 1; s[n] != '"'; n++ {
				if s[n] == '\\' {
					n++
				}
			}
			n++
			var err error
			if word, err = strconv.Unquote(s[:n]); err != nil {
				t.Fatalf("%s: %v", s[:n], err)
			}
		}
		words = append(words, word)
		s = s[n:]
	}
	return words
}

// monitorAgrees compares the texts of all commands that the server ran, as it
// tells them: without those it refused and those it calls administrative, and
// with what is secret left out. Those of scripts are no client's. What analyze
// finds in the monitor's own connection is the same, too.
func monitorAgrees(t *testing.T, lines []string, found []exchange) {
	want, scripts := make(map[string]int), make(map[string]int)
	for _, line := range lines {
		_, list, ok := strings.Cut(line, "] ")
		if !ok {
			t.Fatalf("monitor: %q", line)
		}
		text := fmt.Sprintf("%q", redisWords(t, strings.ReplaceAll(list, "(redacted)", "<secret>")))
		if strings.Contains(line, " lua] ") {
			scripts[text]++
		} else {
			want[text]++
		}
	}
	got, monitored := make(map[string]int), make(map[string]int)
	for i := range found {
		x := &found[i]
		text := x.Request
		switch {
		case x.Op == "monitored":
			words := redisWords(t, strings.ReplaceAll(text, "(redacted)", "<secret>"))
			monitored[fmt.Sprintf("%q", words[1:])]++
			continue
		case x.RequestBytes == 0, refused(x), strings.HasPrefix(x.Op, "config|"), text == `echo "the end"`:
			continue
		case x.Op == "auth": // MONITOR leaves out the name, too
			text = strings.Replace(text, "nobody", "<secret>", 1)
		}
		got[fmt.Sprintf("%q", redisWords(t, text))]++
	}
	sameCounts(t, "sent", got, want)
	for text, n := range scripts {
		want[text] += n
	}
	want[`["echo" "the end"]`]++
	sameCounts(t, "monitored", monitored, want)
}

func sameCounts(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	for text, n := range want {
		if got[text] != n {
			t.Errorf("%s: %d of %s, the server says %d", what, got[text], text, n)
		}
	}
	for text, n := range got {
		if want[text] == 0 {
			t.Errorf("%s: %d of %s, the server says none", what, n, text)
		}
	}
	t.Logf("%s: %d texts", what, len(want))
}

// refused says whether the server rejected a command before it ran it.
func refused(x *exchange) bool {
	return x.Status == "error" && (strings.HasPrefix(x.Error, "unknown command") || strings.HasPrefix(x.Error, "wrong number of arguments"))
}

// statsAgree compares how often each command ran. In a transaction the server
// counts it when it runs, a script's commands as well.
func statsAgree(t *testing.T, r *redis, found []exchange) {
	got := make(map[string]int)
	for i := range found {
		if x := &found[i]; x.RequestBytes > 0 && !refused(x) {
			got[x.Op]++
		}
	}
	got["set"]++ // of the script
	got["get"]++
	for op, value := range r.info("commandstats", "cmdstat_") {
		calls, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
		n, err := strconv.Atoi(calls)
		if err != nil {
			t.Fatal(err)
		}
		switch op {
		case "info", "config|resetstat", "monitor": // some were before record began
			continue
		}
		if got[op] != n && !(n == 0 && got[op] == 0) {
			t.Errorf("%d of %s, the server ran %d", got[op], op, n)
		}
	}
}

// errorsAgree compares how often which error was answered. The server counts an
// error inside a transaction where it happens, analyze at EXEC.
func errorsAgree(t *testing.T, before, after map[string]int, found []exchange) {
	got := make(map[string]int)
	for i := range found {
		if x := &found[i]; x.Status == "error" {
			got[x.ErrorCode]++
		}
	}
	for code, n := range after {
		if n -= before[code]; got[code] != n {
			t.Errorf("%d of %s, the server counts %d", got[code], code, n)
		}
	}
}

func messagesArrived(t *testing.T, found []exchange) {
	var got []string
	for i := range found {
		if x := &found[i]; x.Op == "message" {
			got = append(got, x.Request)
		}
	}
	if want := []string{"message news.1 hello", `message news.2 "two words"`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// respAgrees compares the errors with those tshark finds. Its dissector of
// Wireshark 4.0 does not know RESP3, so that connection is left out.
func respAgrees(t *testing.T, file string, found []exchange) {
	resp3 := make(map[string]bool)
	for i := range found {
		if found[i].Op == "hello" {
			resp3[found[i].Client.Addr] = true
		}
	}
	out := run(t, "tshark", "-r", file, "-Y", "resp.error", "-T", "fields", "-E", "aggregator=|", "-e", "ipv6.dst", "-e", "resp.error")
	want := make(map[string]int)
	for line := range strings.Lines(out) {
		addr, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if resp3[addr] {
			continue
		}
		for e := range strings.SplitSeq(text, "|") {
			const arguments = "with args beginning with: "
			if about, _, ok := strings.Cut(e, arguments); ok {
				e = about + arguments + decoders.Secret // of a mistyped AUTH, perhaps
			}
			want[strings.TrimSpace(e)]++
		}
	}
	got := make(map[string]int)
	for i := range found {
		if x := &found[i]; x.Status == "error" && !resp3[x.Client.Addr] {
			got[strings.TrimSpace(x.ErrorCode+" "+x.Error)]++
		}
	}
	if !maps.Equal(got, want) || len(want) == 0 {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// argumentsAgree compares all arguments of each connection, in their order,
// with those tshark finds. It shows no empty ones.
func argumentsAgree(t *testing.T, file string, found []exchange) {
	out := run(t, "tshark", "-r", file, "-Y", "resp && tcp.dstport == 6379", "-T", "fields", "-E", "aggregator=,",
		"-e", "ipv6.src", "-e", "resp.bulk_string.value")
	want := make(map[string][]string)
	for line := range strings.Lines(out) {
		addr, values, _ := strings.Cut(strings.TrimSpace(line), "\t")
		for v := range strings.SplitSeq(values, ",") {
			if v != "" {
				want[addr] = append(want[addr], v)
			}
		}
	}
	got := make(map[string][]string)
	for i := range found {
		x := &found[i]
		if x.RequestBytes == 0 {
			continue
		}
		for _, w := range redisWords(t, x.Request) {
			if w != "" {
				got[x.Client.Addr] = append(got[x.Client.Addr], hex.EncodeToString([]byte(w)))
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d connections, tshark finds %d", len(got), len(want))
	}
	secret, n := hex.EncodeToString([]byte("<secret>")), 0
	for addr := range want {
		for i := range max(len(got[addr]), len(want[addr])) {
			switch {
			case i >= len(got[addr]) || i >= len(want[addr]):
				t.Errorf("%s: %d arguments, tshark finds %d", addr, len(got[addr]), len(want[addr]))
			case got[addr][i] == secret || got[addr][i] == want[addr][i]:
				n++
				continue
			default:
				t.Errorf("%s: argument %d is %s, tshark finds %s", addr, i, got[addr][i], want[addr][i])
			}
			break
		}
	}
	t.Logf("%d arguments", n)
}
