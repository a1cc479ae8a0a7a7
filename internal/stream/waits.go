package stream

import (
	"unixcap/decoders"
	"unixcap/internal/capture"
)

// waiting is how many messages of one end are remembered to tell how long they
// waited to be received. A request that is answered when more have been sent
// since has no queueing time.
const waiting = 64

// waits are the last messages of one end, and when each was received whole.
type waits struct {
	turn int
	list [waiting]wait
}

type wait struct {
	end            uint64 // offset after it
	sent, received decoders.Time
}

// wait notes a message that is to be received.
func (f *Flow) wait(p *piece) {
	w := f.line.waits[p.from]
	if w == nil {
		return
	}
	w.add(p.end(), p.at.Time)
}

func (w *waits) add(end uint64, sent decoders.Time) {
	w.list[w.turn] = wait{end: end, sent: sent}
	w.turn = (w.turn + 1) % waiting
}

// receive notes that one end received what the other had sent.
func (f *Flow) receive(by decoders.End, m *capture.Message) {
	l := &f.line
	if l.waits[0] == nil {
		l.waits = [2]*waits{new(waits), new(waits)}
		for i := range f.Ends { // of what came before, the last message will do
			if s := &f.Ends[i].seq; s.begun {
				l.waits[i].add(s.next, s.last)
			}
		}
	}
	w := l.waits[by.Other()]
	for i := range waiting { // from the newest back
		x := &w.list[(w.turn+2*waiting-1-i)%waiting]
		if x.sent.IsZero() || !x.received.IsZero() && x.end <= m.Acked {
			return
		}
		switch {
		case x.end > m.Acked:
		case x.end+m.Length <= m.Acked: // taken before, by splice or in a call that was lost
			*x = wait{}
		default:
			x.received = decoders.TimeOf(m.Time)
		}
	}
}

// queueing adds to an exchange when it was received.
func (f *Flow) queueing(x *decoders.Exchange) {
	if f.line.waits[0] == nil {
		return
	}
	x.Received = f.receivedAt(decoders.Client, x.Sent.Last.Time)
	x.AnswerReceived = f.receivedAt(decoders.Server, x.Answered.Last.Time)
}

// receivedAt returns when the message that an end sent at a time was received,
// zero if that is not known.
func (f *Flow) receivedAt(from decoders.End, sent decoders.Time) decoders.Time {
	w := f.line.waits[from]
	for i := range w.list {
		if !sent.IsZero() && w.list[i].sent == sent {
			return w.list[i].received
		}
	}
	return 0
}
