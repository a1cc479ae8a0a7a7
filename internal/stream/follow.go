package stream

import (
	"bufio"
	"errors"
	"io"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"unixcap/internal/capture"
)

// ErrInterrupted is what Follow returns when it was stopped before the end of
// the input. What was read until then has been worked on.
var ErrInterrupted = errors.New("interrupted; what came before has been read")

// stopGrace is how long Follow waits for the end of a stream after it was
// stopped: Ctrl-C stops the program that writes it as well, whose last words are
// still to come.
const stopGrace = 2 * time.Second

// A Lane is what is done with a part of the conversations. No two calls for one
// lane are made at once.
type Lane struct {
	// Engine, if not nil, are the settings of the lane's engine. Its Exchange and Done
	// are the lane's own.
	Engine *Options
	// Message, if not nil, gets every message, and its conversation if there
	// is an engine.
	Message func(*capture.Message, *Flow) error
}

// Work is what Follow does with an input.
type Work struct {
	// Lane makes a lane. What it writes to out comes out of all lanes in the order
	// of the messages that it is written about.
	Lane func(out io.Writer) Lane
	// Out gets what lanes write.
	Out io.Writer
	// Done, if not nil, gets every flow when it has ended, like Options.Done, but
	// of all lanes in order.
	Done func(*Flow) error
	// Tick, if not nil, is called now and then with the number of messages read.
	Tick func(messages int)
	// Stop ends the reading when it is closed.
	Stop <-chan struct{}
}

// Follow reads an input to its end and does the work on all cores. Each worker reads
// a batch when it is its turn, and then does in every lane what there is to do about
// it, in turn: so what was read stays in one core's cache, and each lane has all
// messages in order. The result is the same whatever the number of cores. A message
// of a stream is worked on before the next one is waited for.
//
// Memory is bounded by a batch of input for each core, one more of a stream, and what
// the engines and decoders keep. A message that had to be put together may be larger than
// a batch is otherwise.
func Follow(in *Input, w Work) error {
	c := &crew{in: in, work: w, ended: make(chan struct{}), out: bufio.NewWriterSize(w.Out, writeBuffer)}
	c.passed.L = &c.passing
	for i := range c.lanes {
		c.lanes[i].begin(c, i)
	}
	in.waits = c.wait
	var workers sync.WaitGroup
	cores := min(runtime.GOMAXPROCS(0), lanes)
	switch {
	case in.live():
	case cores == 1: // takes no turns
		c.buffers = 1
	default:
		c.buffers = batchBuffers
	}
	for i := range cores {
		workers.Go(func() { c.worker(uint8(i)) })
	}
	err := c.readAll()
	c.close()
	if err == nil { // else one may read for ever
		workers.Wait()
	}
	if failed := c.failed(); failed != nil {
		return failed
	}
	if failed := c.out.Flush(); failed != nil {
		return failed
	}
	return err
}

// A crew is the state of Follow.
type crew struct {
	in    *Input
	work  Work
	lanes [lanes]lane

	// Whoever has turn reads, and has reading while not waiting for input.
	turn    sync.Mutex
	reading sync.Mutex
	router  router
	batch   *batch // being filled
	buffers int    // so many are filled for one, if that takes no waiting
	number  uint64
	lined   [places]uint64 // how many batches have got a turn, by place
	handed  sync.WaitGroup // what was read by one and is worked on by another
	ended   chan struct{}  // closed when there is nothing more to read
	over    bool           // it is

	stopped atomic.Bool
	failure atomic.Pointer[error] // the first one of a lane or of the writing

	passing sync.Mutex
	passed  sync.Cond      // something did
	done    [places]uint64 // how many batches have had their turn, by place
	out     *bufio.Writer  // of the batch whose turn it is
}

func (c *crew) failed() error {
	if p := c.failure.Load(); p != nil {
		return *p
	}
	return nil
}

func (c *crew) fail(err error) {
	if err != nil {
		c.failure.CompareAndSwap(nil, &err)
	}
}

// readAll returns when the input has ended, or was stopped.
func (c *crew) readAll() error {
	select {
	case <-c.ended:
		return nil
	case <-c.work.Stop:
	}
	if !c.in.live() {
		c.stopped.Store(true)
		<-c.ended
		return ErrInterrupted
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(stopGrace):
	}
	c.stopped.Store(true)
	// Now the reader waits for input, or has ended. In the former case it never
	// goes on, whatever still comes: the input belongs to whoever asks about it.
	c.reading.Lock()
	return ErrInterrupted
}

// worker reads batches and works on them until there are no more.
func (c *crew) worker(lane uint8) {
	for b := (&batch{lane: lane}); c.read(&b); {
		c.finish(b)
	}
}

// read fills a batch with what there is in some buffers of input. The batch may be
// replaced. It returns false if there is nothing more to read.
func (c *crew) read(b **batch) bool {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.over {
		return false
	}
	c.batch = *b
	more := c.next()
	for more && !c.batch.full() && (c.in.ready() || len(c.batch.buffers) < c.buffers) {
		more = c.next()
	}
	*b = c.batch
	c.line(c.batch)
	if !more {
		c.over = true
		close(c.ended)
	}
	return true
}

// next adds the next message to the batch. It returns false if there is none, or
// none is wanted any more.
func (c *crew) next() bool {
	if c.stopped.Load() || c.failed() != nil {
		return false
	}
	m, err := c.in.Next()
	if err == io.EOF || c.stopped.Load() {
		return false
	}
	if err != nil {
		c.fail(err)
		return false
	}
	c.number++
	lane := c.batch.lane
	if c.lanes[0].engine != nil {
		lane = c.router.lane(m)
		if c.router.moved {
			c.batch.reuse(c.router.left, 2*c.number-1, m)
		}
	}
	c.batch.add(lane, 2*c.number, m, c.in.buffer())
	return true
}

// wait surrounds a read that may take any time: what was read before is handed on, one
// batch at a time.
func (c *crew) wait(read func()) {
	if b := c.batch; b.count > 0 {
		c.handed.Wait()
		c.line(b)
		c.handed.Go(func() { c.finish(b) })
		c.batch = &batch{lane: b.lane}
	}
	c.reading.Unlock()
	read()
	c.reading.Lock()
}

// line gives a batch its turns, and tells how far the reading is.
func (c *crew) line(b *batch) {
	for rest := b.lanes() | 1<<writing; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros(rest)
		b.turns[i] = c.lined[i]
		c.lined[i]++
	}
	if c.work.Tick != nil {
		c.work.Tick(int(c.number))
	}
}

// finish works on a batch in the lanes it has messages for, in whichever it is its
// turn, writes what they print, and clears it.
func (c *crew) finish(b *batch) {
	for rest := b.lanes(); rest != 0; {
		rest &^= c.step(b, rest)
	}
	c.put(b)
}

// step works on a batch in one of some lanes, and returns which, as a bit.
func (c *crew) step(b *batch, set uint) (lane uint) {
	i := c.await(b, set)
	c.lanes[i].follow(b)
	c.pass(i)
	return 1 << i
}

// put writes in its turn what the lanes have printed about a batch.
func (c *crew) put(b *batch) {
	c.await(b, 1<<writing)
	c.write(b)
	b.clear()
	c.pass(writing)
}

// close ends all lanes, at once: there may be many conversations in each.
func (c *crew) close() {
	b := &batch{closing: true}
	c.line(b)
	var work sync.WaitGroup
	for i := range c.lanes {
		work.Go(func() { c.step(b, 1<<i) })
	}
	work.Wait()
	c.put(b)
}

// await waits until it is a batch's turn in one of the places, and returns which.
func (c *crew) await(b *batch, set uint) (place int) {
	c.passing.Lock()
	defer c.passing.Unlock()
	for {
		for rest := set; rest != 0; rest &= rest - 1 {
			if i := bits.TrailingZeros(rest); c.done[i] == b.turns[i] {
				return i
			}
		}
		c.passed.Wait()
	}
}

// pass lets the next batch have its turn.
func (c *crew) pass(place int) {
	c.passing.Lock()
	c.done[place]++
	c.passing.Unlock()
	c.passed.Broadcast()
}

// write writes what the lanes printed about a batch.
func (c *crew) write(b *batch) {
	if c.failed() != nil {
		return
	}
	c.fail(b.merge(func(p []byte) error {
		_, err := c.out.Write(p)
		return err
	}, c.work.Done))
	if c.in.live() && c.failed() == nil {
		c.fail(c.out.Flush())
	}
}

// writeBuffer is how much is written at once, unless the input is a stream.
const writeBuffer = 64 << 10
