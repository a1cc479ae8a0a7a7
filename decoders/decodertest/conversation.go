package decodertest

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
)

// A recorded conversation has a line for each message: who sent it, the
// microseconds since the first, and the bytes as a Go string; then " fds=N" if
// file descriptors were passed along.

// Read reads a recorded conversation.
func Read(t testing.TB, path string) (c Conversation) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		from, rest, _ := strings.Cut(lines.Text(), " ")
		at, quoted, _ := strings.Cut(rest, " ")
		us, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		fds := 0
		if i := strings.LastIndex(quoted, "\" fds="); i >= 0 {
			if fds, err = strconv.Atoi(quoted[i+len("\" fds="):]); err == nil {
				quoted = quoted[:i+1]
			}
		}
		data, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatal(err)
		}
		m := Message{At: time.UnixMicro(us).UTC(), Data: []byte(data), FDs: fds}
		if from == decoders.Server.String() {
			m.From = decoders.Server
		}
		c = append(c, m)
	}
	if err := lines.Err(); err != nil || len(c) == 0 {
		t.Fatalf("%s: %d messages, %v", path, len(c), err)
	}
	return c
}

// Write records a conversation.
func (c Conversation) Write(t testing.TB, path string) {
	t.Helper()
	var b []byte
	for _, m := range c {
		b = fmt.Appendf(b, "%s %d %s", m.From, m.At.Sub(c[0].At).Microseconds(), strconv.QuoteToASCII(string(m.Data)))
		if m.FDs > 0 {
			b = fmt.Appendf(b, " fds=%d", m.FDs)
		}
		b = append(b, '\n')
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Prefixes returns what each end sent first, as Protocol.Detect sees it.
func (c Conversation) Prefixes() (client, server []byte) {
	for _, m := range c {
		b := &client
		if m.From == decoders.Server {
			b = &server
		}
		*b = append(*b, m.Data[:min(len(m.Data), decoders.DetectBytes-len(*b))]...)
	}
	return client, server
}

// Seed returns the conversation as Chaos takes it.
func (c Conversation) Seed() (seed []byte) {
	for _, m := range c {
		for b := m.Data; len(b) > 0; {
			n := min(len(b), 255)
			seed = append(seed, byte(m.From), byte(n))
			seed = append(seed, b[:n]...)
			b = b[n:]
		}
	}
	return seed
}
