package tally

import (
	"unixcap/bpf"
	"unixcap/internal/fileset"
)

// A Count is of messages and of their bytes.
type Count struct{ Messages, Bytes uint64 }

func (c Count) plus(o Count) Count { return Count{c.Messages + o.Messages, c.Bytes + o.Bytes} }

// Minus takes away at the most what there is.
func (c Count) Minus(o Count) Count {
	return Count{c.Messages - min(c.Messages, o.Messages), c.Bytes - min(c.Bytes, o.Bytes)}
}

// A Stage is where a message, or some of it, is lost.
type Stage uint8

const (
	NoRoom  Stage = iota // between the kernel and record: isb_ifdrop
	Kernel               // in the kernel: isb_osdrop
	Payload              // recorded, but not all of its bytes
	Output               // recorded, but not written: isb_ifdrop
	LeftOut              // because it was asked for: no loss
)

// A Reason is one of the ways in which messages, or some of their bytes, come
// not to be in the output.
type Reason struct {
	Name  string // in metrics and in the statistics of a file
	Text  string // in the closing lines
	Stage Stage
	of    func(*source) Count
}

// A source has what is counted of one kind of sockets.
type source struct {
	kernel bpf.Loss
	missed uint64 // by programs that were busy
	output [fileset.Causes]fileset.Loss
	cut    Count // at the snap length
}

// Reasons are all there are. The closing lines, SIGUSR1, the status line, the
// metrics and the files take them from here.
var Reasons = [...]Reason{
	{"ring_full", "ring buffer full (-B makes it larger)", NoRoom, func(s *source) Count { return Count{s.kernel.RingMessages, s.kernel.RingBytes} }},
	{"no_memory", "no memory for a socket's state", Kernel, func(s *source) Count { return Count{s.kernel.StateMessages, 0} }},
	{"busy", "program busy on that CPU", Kernel, func(s *source) Count { return Count{s.missed, 0} }},
	{"fault", "payload in memory that could not be read", Payload, func(s *source) Count { return Count{s.kernel.FaultMessages, s.kernel.FaultBytes} }},
	{"no_buffer", "payload not seen by this backend", Payload, func(s *source) Count { return Count{s.kernel.NoBufferMessages, s.kernel.NoBufferBytes} }},
	{fileset.Disk.String(), "disk: could not be written", Output, func(s *source) Count { return Count(s.output[fileset.Disk]) }},
	{fileset.Reader.String(), "reader of the output gone, or not reading", Output, func(s *source) Count { return Count(s.output[fileset.Reader]) }},
	{"cap", "beyond --max-bytes or --max-rate", LeftOut, func(s *source) Count { return Count{s.kernel.CapMessages, s.kernel.CapBytes} }},
	{"snaplen", "cut by -s", LeftOut, func(s *source) Count { return s.cut }},
}

// Lost says whether it is a loss, and not what was asked for.
func (r *Reason) Lost() bool { return r.Stage != LeftOut }
