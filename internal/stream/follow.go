package stream

import (
	"bufio"
	"errors"
	"io"
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

// Follow reads an input to its end and does the work on all cores: one reads, each
// worker follows conversations with an Engine of its own, one writes. The reader is
// a worker as well while the others have enough to do. The result is the
// same whatever the number of cores. A message of a stream is worked on before
// the next one is waited for.
//
// Memory is bounded by a few batches of input and what the engines and
// decoders keep.
func Follow(in *Input, w Work) error {
	cores := min(runtime.GOMAXPROCS(0), lanes)
	batches := batchesOf(cores)
	c := &crew{in: in, work: w, free: make(chan *batch, batches), ready: make(chan *lane, lanes), order: make(chan *batch, batches)}
	for i := range batches {
		c.free <- newBatch(uint8(i % lanes))
	}
	for i := range c.lanes {
		c.lanes[i].begin(c, i)
	}
	var workers sync.WaitGroup
	for range cores {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for l := range c.ready {
				l.work()
			}
		}()
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	err := c.read()
	c.dispatch()
	c.close()
	<-written
	close(c.ready)
	workers.Wait()
	if failed := c.failed(); failed != nil {
		return failed
	}
	return err
}

// A crew is the state of Follow.
type crew struct {
	in    *Input
	work  Work
	lanes [lanes]lane

	free  chan *batch // to be filled
	ready chan *lane  // that have something to do
	order chan *batch // to be written

	// Of the reader, who has reading while it does not wait for input.
	reading sync.Mutex
	stopped atomic.Bool
	router  router
	batch   *batch // being filled; may be nil
	number  uint64

	failure atomic.Pointer[error] // the first one of a lane or of the writing
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

// read reads the input until its end, or until it is stopped.
func (c *crew) read() error {
	ended := make(chan struct{})
	c.in.waits = c.wait
	go func() {
		defer close(ended)
		c.reading.Lock()
		defer c.reading.Unlock()
		c.readAll()
	}()
	select {
	case <-ended:
		return nil
	case <-c.work.Stop:
	}
	if c.in.live() {
		select {
		case <-ended:
			return nil
		case <-time.After(stopGrace):
		}
	}
	c.stopped.Store(true)
	// Now the reader waits for input, or has ended. In the former case it never
	// goes on, whatever still comes: the input belongs to whoever asks about it.
	c.reading.Lock()
	return ErrInterrupted
}

// wait surrounds a read that may take any time: what was read before is handed
// on.
func (c *crew) wait(read func()) {
	c.dispatch()
	c.reading.Unlock()
	read()
	c.reading.Lock()
}

func (c *crew) readAll() {
	for !c.stopped.Load() {
		m, err := c.in.Next()
		if err == io.EOF || c.stopped.Load() {
			return
		}
		if err != nil {
			c.fail(err)
			return
		}
		c.add(m)
	}
}

// add puts a message into the batch, and hands that on when it is full.
func (c *crew) add(m *capture.Message) {
	buffer := c.in.buffer()
	if c.batch != nil && !c.batch.takes(buffer) {
		c.dispatch()
	}
	if c.batch == nil {
		c.batch = c.empty()
	}
	lane := c.batch.lane
	c.number++
	if c.lanes[0].engine != nil {
		lane = c.router.lane(m)
		if c.router.moved {
			c.batch.reuse(c.router.left, 2*c.number-1, m)
		}
	}
	c.batch.add(lane, 2*c.number, m, buffer)
	if c.batch.full() {
		c.dispatch()
	}
}

// empty returns a batch to be filled. Until there is one, the reader does what the
// lanes have to do: what was just read is then still in the processor's cache.
func (c *crew) empty() *batch {
	for {
		select {
		case b := <-c.free:
			return b
		case l := <-c.ready:
			l.work()
		}
	}
}

// dispatch hands the batch to the lanes it has messages for.
func (c *crew) dispatch() {
	b := c.batch
	if b == nil || b.count == 0 {
		return
	}
	c.batch = nil
	c.hand(b)
	if c.work.Tick != nil {
		c.work.Tick(int(c.number))
	}
	if c.failed() != nil {
		c.stopped.Store(true)
	}
}

// hand gives a batch to the lanes it is for.
func (c *crew) hand(b *batch) {
	b.left.Store(1) // for this function
	c.order <- b
	for i := range c.lanes {
		if len(b.items[i]) > 0 || b.closing {
			b.left.Add(1)
			c.lanes[i].take(b)
		}
	}
	b.finish()
}

// close ends all lanes.
func (c *crew) close() {
	b := c.empty()
	b.closing = true
	c.hand(b)
	close(c.order)
}

// write writes what the lanes print, in order.
func (c *crew) write() {
	out := bufio.NewWriterSize(c.work.Out, writeBuffer)
	text := func(p []byte) error {
		_, err := out.Write(p)
		return err
	}
	for b := range c.order {
		<-b.done
		if c.failed() == nil {
			c.fail(b.merge(text, c.work.Done))
		}
		if c.failed() == nil && len(c.order) == 0 {
			c.fail(out.Flush())
		}
		b.clear()
		c.free <- b
	}
}

// writeBuffer is how much is written at once, at least while there is more to
// come.
const writeBuffer = 64 << 10
