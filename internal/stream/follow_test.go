package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/pcapng"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// many writes a capture of conversations that are held at once, some of which
// stay without their last answers.
func many(t *testing.T, conversations, rounds int) string {
	t.Helper()
	var messages []*capture.Message
	talks := make([]*talk, conversations)
	for i := range talks {
		talks[i] = newTalk()
		talks[i].client.SK += uint64(i) << 12
		talks[i].client.Inode += uint32(2 * i)
		talks[i].server.SK += uint64(i) << 12
		talks[i].server.Inode += uint32(2 * i)
	}
	for round := range rounds {
		for i, c := range talks {
			messages = append(messages, c.ask(fmt.Sprintf("TOY %d of %d\n", round, i)))
			if round < rounds-1 || i%3 > 0 {
				messages = append(messages, c.answer(fmt.Sprintf("+%d of %d\n", round, i)))
			}
		}
	}
	return saveAll(t, messages)
}

func saveAll(t *testing.T, messages []*capture.Message) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "many.pcapng")
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := w.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// logOptions are those of an engine that writes its exchanges to out.
func logOptions(out io.Writer) Options {
	return Options{
		Protocols: []*decoders.Protocol{toy(new(strings.Builder))},
		Exchange: func(f *Flow, x *decoders.Exchange) {
			fmt.Fprintf(out, "%s %s %s %d\n", f.ID, x.Request, x.Status, x.Sent.First.Packet)
		},
	}
}

// logWork writes the exchanges of all lanes.
func logWork(out io.Writer) Work {
	return Work{Out: out, Lane: func(out io.Writer) Lane {
		o := logOptions(out)
		return Lane{Engine: &o}
	}}
}

// What Follow writes is what one engine finds, in the same order, whatever the number of
// cores.
func TestFollowIsOneEngine(t *testing.T) {
	followIsOneEngine(t, many(t, 37, 60))
}

// A conversation of which an address is used again has ended then, though the
// new one may be in another lane.
func TestFollowReusedAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var messages []*capture.Message
	for i := range uint32(400) {
		c := newTalk()
		c.client.SK += r.Uint64N(12) << 12
		c.server.SK += r.Uint64N(12) << 12
		c.client.Inode += 2 * i
		c.server.Inode += 2 * i
		messages = append(messages, c.ask(fmt.Sprintf("TOY %d\n", i)))
		if i%3 > 0 {
			messages = append(messages, c.answer("+\n"))
		}
	}
	followIsOneEngine(t, saveAll(t, messages))
}

func followIsOneEngine(t *testing.T, name string) {
	t.Helper()
	var want, flows strings.Builder
	e := NewEngine(func() Options {
		o := logOptions(&want)
		o.Done = func(f *Flow) { fmt.Fprintln(&flows, f.ID, f.Messages()) }
		return o
	}())
	in := OpenInput([]string{name})
	for {
		m, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e.Message(m)
	}
	e.Close()
	for _, cores := range []int{1, 2, 3, 16} {
		t.Run(fmt.Sprint(cores), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
			var got, gotFlows strings.Builder
			w := logWork(&got)
			w.Done = func(f *Flow) error {
				fmt.Fprintln(&gotFlows, f.ID, f.Messages())
				return nil
			}
			if err := Follow(OpenInput([]string{name}), w); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.String(), got.String()); d != "" {
				t.Errorf("exchanges (- one engine, + all lanes):\n%s", d)
			}
			if d := cmp.Diff(flows.String(), gotFlows.String()); d != "" {
				t.Errorf("conversations (- one engine, + all lanes):\n%s", d)
			}
		})
	}
}

// Messages that had to be put together are not in the input's buffers, and must
// come out whole all the same.
func TestFollowLongMessages(t *testing.T) {
	c := newTalk()
	var messages []*capture.Message
	want := int64(0)
	for i := range 40 {
		text := strings.Repeat(string(rune('a'+i%26)), 50_000*(i%5)+1)
		messages = append(messages, c.ask(text))
		want += int64(len(text))
	}
	name := saveAll(t, messages)
	var got atomic.Int64
	err := Follow(OpenInput([]string{name}), Work{Out: io.Discard, Lane: func(out io.Writer) Lane {
		return Lane{Message: func(m *capture.Message, _ *Flow) error {
			if len(bytes.Trim(m.Payload, string(m.Payload[:1]))) > 0 {
				return fmt.Errorf("message %d is mixed with another", m.Number)
			}
			fmt.Fprintln(out, m.Number)
			got.Add(int64(len(m.Payload)))
			return nil
		}}
	}})
	if err != nil || got.Load() != want {
		t.Errorf("%d bytes, want %d; error %v", got.Load(), want, err)
	}
}

// fifo is a stream that a capture can be written to bit by bit.
func fifo(t *testing.T) (name string, open func() *os.File) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, func() *os.File {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
		}
		return f
	}
}

// A stream that has no more for now does not keep back what it had, and Stop
// ends the waiting for more.
func TestFollowStream(t *testing.T) {
	whole, err := os.ReadFile(many(t, 3, 2))
	if err != nil {
		t.Fatal(err)
	}
	name, open := fifo(t)
	go func() {
		f := open()
		f.Write(whole[:len(whole)-len(whole)/8]) // then it stays open
		t.Cleanup(func() { f.Close() })
	}()
	r, w := io.Pipe()
	stop, done := make(chan struct{}), make(chan error, 1)
	work := logWork(w)
	work.Stop = stop
	go func() {
		err := Follow(OpenInput([]string{name}), work)
		w.Close()
		done <- err
	}()
	line := make([]byte, 4096)
	n, err := r.Read(line) // for ever, if it waited for a batch to fill
	if err != nil || !bytes.Contains(line[:n], []byte("TOY 0 of 0 ok")) {
		t.Errorf("%q, %v", line[:n], err)
	}
	close(stop)
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Contains(append(line[:n:n], rest...), []byte("unanswered")) {
		t.Errorf("%q, %v: what was open does not come out", rest, err)
	}
	if err := <-done; err != ErrInterrupted {
		t.Errorf("error %v", err)
	}
}

// Nor do blocks that are no messages keep back those before them: wherever a stream
// stops, all messages it has are worked on.
func TestFollowStreamStops(t *testing.T) {
	whole, err := os.ReadFile(many(t, 2, 2))
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapng.NewReader(bytes.NewReader(whole))
	for err == nil {
		if _, err = r.Next(); r.Offset() > 0 {
			followStops(t, whole, int(r.Offset()))
		}
	}
	if err != io.EOF {
		t.Error(err)
	}
}

func followStops(t *testing.T, whole []byte, n int) {
	t.Helper()
	want := 0
	in, err := capture.NewReader(bytes.NewReader(whole[:n]), capture.ReaderOptions{})
	for err == nil {
		if _, err = in.Next(); err == nil {
			want++
		}
	}
	if err != io.EOF || want == 0 {
		return
	}
	name, open := fifo(t)
	end := make(chan struct{})
	go func() {
		f := open()
		defer f.Close()
		f.Write(whole[:n])
		<-end // for ever, if a message were kept back
	}()
	var got atomic.Int32
	err = Follow(OpenInput([]string{name}), Work{Out: io.Discard, Lane: func(io.Writer) Lane {
		return Lane{Engine: &Options{}, Message: func(*capture.Message, *Flow) error {
			if int(got.Add(1)) == want {
				close(end)
			}
			return nil
		}}
	}})
	if err != nil || int(got.Load()) != want {
		t.Errorf("%d messages of %d in the first %d bytes, error %v", got.Load(), want, n, err)
	}
}

// The end of a stream that comes after Stop is waited for.
func TestFollowStreamEnds(t *testing.T) {
	whole, err := os.ReadFile(many(t, 3, 2))
	if err != nil {
		t.Fatal(err)
	}
	name, open := fifo(t)
	stop := make(chan struct{})
	close(stop)
	go func() {
		f := open()
		f.Write(whole)
		f.Close()
	}()
	var got strings.Builder
	work := logWork(&got)
	work.Stop = stop
	if err := Follow(OpenInput([]string{name}), work); err != nil {
		t.Error(err)
	}
	if n := strings.Count(got.String(), "\n"); n != 6 {
		t.Errorf("%d exchanges, want 6:\n%s", n, &got)
	}
}

// An error of whoever takes the output ends the reading, and is returned.
func TestFollowError(t *testing.T) {
	full := errors.New("no room")
	work := logWork(io.Discard)
	work.Done = func(*Flow) error { return full }
	if err := Follow(OpenInput([]string{many(t, 5, 5)}), work); err != full {
		t.Errorf("error %v, want %v", err, full)
	}
}

// Two sockets of one conversation are in one lane, also when their addresses were
// those of others before, in different lanes.
func TestRouterReuse(t *testing.T) {
	var r router
	socket := func(sk uint64) *capture.Socket { return &capture.Socket{SK: sk} }
	lane := func(from, to uint64) uint8 {
		return r.lane(&capture.Message{From: socket(from), To: socket(to)})
	}
	a, b := lane(1, 2), lane(3, 4)
	if a == b || lane(2, 1) != a || lane(4, 3) != b {
		t.Fatalf("lanes %d and %d", a, b)
	}
	if there, back := lane(1, 4), lane(4, 1); there != back {
		t.Errorf("lane %d there, %d back", there, back)
	}
	if first, then := lane(5, 0), lane(6, 5); first != then {
		t.Errorf("lane %d before the peer is known, %d after", first, then)
	}
}

// A router forgets only what was not used for long.
func TestRouterForgets(t *testing.T) {
	var r router
	busy := func() uint8 {
		return r.lane(&capture.Message{From: &capture.Socket{SK: 1}, To: &capture.Socket{SK: 2}})
	}
	lane := busy()
	for i := range uint64(3 * maxRouted) {
		r.lane(&capture.Message{From: &capture.Socket{SK: 100 + i}})
		if i%1000 == 0 && busy() != lane {
			t.Fatalf("after %d others it is in another lane", i)
		}
	}
	if n := len(r.young) + len(r.old); n > 2*maxRouted {
		t.Errorf("%d sockets remembered", n)
	}
}
