package capture

import "bytes"

// maxReasons bounds what a comment of somebody else's can be taken for.
const maxReasons = 64

// bytesSuffix tells the key of bytes from that of messages.
const bytesSuffix = "_bytes"

// appendLosses appends what the comment on an interface's statistics says of the
// reasons for losses.
func appendLosses(b []byte, losses []Loss) []byte {
	for _, l := range losses {
		if l.Messages > 0 || l.Bytes > 0 {
			b = appendUint(b, l.Reason, l.Messages)
			b = appendUint(b, l.Reason+bytesSuffix, l.Bytes)
		}
	}
	return b
}

// addLosses adds what such a comment says.
func addLosses(losses []Loss, about []byte) []Loss {
	for {
		f, rest, ok := nextField(about)
		if !ok {
			return losses
		}
		about = rest
		name, isBytes := bytes.CutSuffix(f.key, []byte(bytesSuffix))
		n := f.uint()
		if n == 0 || len(name) == 0 {
			continue
		}
		i := 0
		for i < len(losses) && losses[i].Reason != string(name) {
			i++
		}
		switch {
		case i >= maxReasons:
			continue
		case i == len(losses):
			losses = append(losses, Loss{Reason: string(name)})
		}
		if isBytes {
			losses[i].Bytes += n
		} else {
			losses[i].Messages += n
		}
	}
}
