package conformance

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"unixcap/internal/capture"
	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// So many threads send so many messages each.
const threadSenders, threadMessages = 4, 300

// threadMessage is the ith message of a thread, which says so.
func threadMessage(sender, i int) []byte {
	p := make([]byte, 3+(i*37+sender*11)%3000)
	send.Fill(p, sender*threadMessages+i)
	p[0], p[1], p[2] = byte(sender), byte(i), byte(i>>8)
	return p
}

// threads sends from several threads on one socket at once.
func threads(_ string, sockType int) (*check, error) {
	c := &check{path: "four threads on one socket"}
	p, err := newPair(sockType)
	if err != nil {
		return c, err
	}
	done := make(chan error)
	for sender := range threadSenders {
		go func() {
			var err error
			for i := 0; i < threadMessages && err == nil; i++ {
				_, err = unix.Write(p.fd, threadMessage(sender, i))
			}
			done <- err
		}()
	}
	for range threadSenders {
		err = errors.Join(err, <-done)
	}
	c.more = func(got *collector) error { return c.compareThreads(got, p.inode) }
	return c, errors.Join(err, p.close())
}

// missingOf names the messages that are not in a list, or are without their payload:
// the first of them.
func missingOf(list []capture.Message) string {
	var have [threadSenders][threadMessages]bool
	for i := range list {
		p := list[i].Payload
		if len(p) < 3 || p[0] >= threadSenders {
			continue
		}
		if k := int(p[1]) | int(p[2])<<8; k < threadMessages {
			have[p[0]][k] = true
		}
	}
	var names []string
	for sender := range have {
		for k, ok := range have[sender] {
			if ok {
				continue
			}
			if len(names) == 10 {
				return strings.Join(names, ", ") + " and more"
			}
			names = append(names, fmt.Sprintf("thread %d's %dth", sender, k))
		}
	}
	return strings.Join(names, ", ")
}

func (c *check) compareThreads(got *collector, inode uint32) error {
	list := slices.DeleteFunc(got.bySocket[inode], func(m capture.Message) bool {
		return m.Error != "" // interrupted by a signal, and started again
	})
	const all = threadSenders * threadMessages
	if n := all - len(list); n > 0 && uint64(n) <= got.missed {
		got.missed -= uint64(n)
		got.accounted += uint64(n)
		c.counted = true
	} else if n != 0 {
		return fmt.Errorf("%d messages of %d, without %s; %s", len(list), all, missingOf(list), got.counters)
	}
	// The recorder waits only so long for a thread that is kept from
	// running between its place in the stream and the ring buffer.
	byOffset := func(a, b capture.Message) int { return cmp.Compare(a.Offset, b.Offset) }
	ordered := slices.IsSortedFunc(list, byOffset)
	slices.SortStableFunc(list, byOffset)
	var next [threadSenders]int
	offset := uint64(0)
	for i := range list {
		m := &list[i]
		if c.counted && m.Offset > offset { // what could not be recorded has its place all the same
			offset = m.Offset
		} else if m.Offset != offset || ordered && (m.LostBytes != 0 || m.LostMessages != 0) {
			return fmt.Errorf("message %d at offset %d after %d lost bytes, %d lost messages, want offset %d", i, m.Offset, m.LostBytes, m.LostMessages, offset)
		}
		offset += m.Length
		if c.lack(got, m); uint64(len(m.Payload)) < m.Length {
			continue // and says so
		}
		if len(m.Payload) < 3 || m.Payload[0] >= threadSenders {
			return fmt.Errorf("message %d of %d bytes is not one that was sent", i, m.Length)
		}
		sender, k := int(m.Payload[0]), int(m.Payload[1])|int(m.Payload[2])<<8
		if k < next[sender] || k >= threadMessages || !bytes.Equal(m.Payload, threadMessage(sender, k)) {
			return fmt.Errorf("message %d is not one of thread %d's after its %dth", i, sender, next[sender])
		}
		next[sender] = k + 1
	}
	return nil
}
