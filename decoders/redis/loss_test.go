package redis

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// numberedPipelines is a conversation of pipelines in which each answer is the number of
// its command, sent in pieces.
func numberedPipelines(r *rand.Rand) decodertest.Conversation {
	var c decodertest.Conversation
	send := func(from decoders.End, b []byte) {
		if len(b) > 0 {
			c = append(c, decodertest.Message{From: from, Data: b})
		}
	}
	for id := 1; len(c) < 80; {
		var commands, answers []byte
		for range 1 + r.IntN(6) {
			commands = append(commands, cmd(fmt.Sprintf("incrby k:%d %d", id, id))...)
			answers = fmt.Appendf(answers, ":%d\r\n", id)
			id++
		}
		k := r.IntN(len(commands) + 1)
		send(decoders.Client, commands[:k])
		send(decoders.Client, commands[k:])
		k = r.IntN(len(answers) + 1)
		send(decoders.Server, answers[:k])
		send(decoders.Server, answers[k:])
	}
	return c
}

// TestNoWrongPairs starts in the middle of conversations and loses messages of
// them, and wants no answer paired with the command of another.
func TestNoWrongPairs(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		c := numberedPipelines(r)
		paired, wrong := 0, 0
		d := Protocol.New(func(x *decoders.Exchange) {
			if x.Status != decoders.OK {
				return // perhaps cut
			}
			var key, by int64
			if _, err := fmt.Sscanf(string(x.Request), "incrby k:%d %d", &key, &by); err != nil {
				t.Errorf("seed %d: %s: %v", seed, x.Request, err)
			}
			if x.Attrs[0].Key == "result" && x.Attrs[0].Value.Int() == key {
				paired++
			} else {
				wrong++
			}
		})
		start, lost := r.IntN(20), r.IntN(len(c))
		for c[start].From == decoders.Client && start > 0 && c[start-1].From == decoders.Client {
			start-- // in the middle of a pipeline, nothing tells whose the first answer is
		}
		for i := start; i < len(c); i++ {
			if i == lost || i == lost+3 {
				d.Gap(c[i].From, int64(len(c[i].Data)))
			} else {
				d.Data(c[i].From, decoders.Mark{Packet: uint64(i + 1)}, c[i].Data)
			}
		}
		d.Close(decoders.Mark{})
		if wrong > 0 || paired < 20 {
			t.Fatalf("seed %d, from message %d, without %d and %d: %d pairs, %d wrong", seed, start+1, lost+1, lost+4, paired, wrong)
		}
	}
}
