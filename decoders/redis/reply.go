package redis

import "unixcap/decoders"

const (
	// maxDepth is more than replies are nested; hiredis reads nine levels.
	maxDepth = 64

	// maxErrorText bounds what is kept of an error or a simple string.
	maxErrorText = 4 << 10

	// maxWords bounds the elements that are kept of what a server sends
	// unasked, and of its answer to HELLO.
	maxWords = 64
)

// A frame is an aggregate whose elements are not complete.
type frame struct {
	left      int64 // elements still to come, below zero if streamed
	attribute bool  // it stands before a value and is none
}

// A reply is a value that the server is sending.
type reply struct {
	value

	stack   []frame
	text    []byte
	failure []byte // the first of the errors inside an aggregate
	words   []byte // the kept elements
	ends    []int  // where each of them ends
}

// A value is what is known of a reply, but for its bytes.
type value struct {
	span    decoders.Span
	open    bool
	replica bool // it begins a replica's stream, and is not RESP
	typed   bool // kind is known: only attributes came before
	kind    byte
	n       int64 // of the value: its length, its elements, or the integer
	null    bool
	missing int64 // bytes of it that the capture lacks

	stream  bool // a streamed string is open
	sink    sink // for what comes in parts
	textCut int64
	failed  int // errors inside an aggregate

	keep    int   // elements that are still to be kept
	seen    int64 // elements that were not
	unasked bool  // the first element is that of a RESP2 message
	wordCut int64 // bytes of the kept elements that are not in words
}

// A sink is where a string goes that comes in parts.
type sink uint8

const (
	sinkNone sink = iota
	sinkText
	sinkFailure
	sinkWord
)

func (r *reply) reset() {
	if cap(r.words) > 4<<10 {
		r.words = nil
	}
	r.stack, r.text, r.failure, r.words, r.ends = r.stack[:0], r.text[:0], r.failure[:0], r.words[:0], r.ends[:0]
	r.value = value{}
}

// take adds an item. done says that the reply is complete, ok that the item
// can be.
func (r *reply) take(t *item, hello bool) (done, ok bool) {
	r.open = true
	if !r.typed && len(r.stack) == 0 && t.kind != '|' {
		r.begin(t, hello)
	}
	switch t.kind {
	case kindPart:
		r.pour(t.data)
		return false, true
	case kindEnd:
		r.endWord()
		return !r.stream && r.completed(), true
	case kindChunk:
		return r.chunk(t)
	case kindStop:
		top := len(r.stack) - 1
		if top < 0 || r.stack[top].left >= 0 {
			return false, false
		}
		r.stack = r.stack[:top]
		return r.completed(), true
	case '*', '%', '~', '>', '|':
		return r.aggregate(t)
	case ':':
		if _, ok := signed(t.data); !ok {
			return false, false
		}
	}
	return r.scalar(t)
}

// begin notes the type of the whole.
func (r *reply) begin(t *item, hello bool) {
	r.typed, r.kind, r.n = true, t.kind, t.n
	switch {
	case hello || t.kind == '>':
		r.keep = maxWords
	case t.kind == '*' && (t.n == 3 || t.n == 4):
		r.keep = 1 // it may be a message
	}
}

func (r *reply) aggregate(t *item) (done, ok bool) {
	n := t.n
	switch {
	case n == streamed:
		n = -1
	case n < 0:
		r.null = len(r.stack) == 0
		r.word(nil)
		return r.completed(), true
	case t.kind == '%' || t.kind == '|':
		n *= 2
	}
	if n == 0 {
		return t.kind != '|' && r.completed(), true
	}
	if len(r.stack) == maxDepth {
		return false, false
	}
	r.stack = append(r.stack, frame{left: n, attribute: t.kind == '|'})
	return false, true
}

func (r *reply) scalar(t *item) (done, ok bool) {
	top := len(r.stack) == 0
	r.sink = sinkNone
	switch {
	case t.kind == '_', t.n == -1:
		r.null = r.null || top
	case t.kind == '-' || t.kind == '!':
		if r.sink = sinkText; !top {
			if r.failed++; r.failed == 1 {
				r.sink = sinkFailure
			} else {
				r.sink = sinkWord
			}
		}
	case top && t.kind == '+':
		r.sink = sinkText
	case top && t.kind == ':':
		r.n, _ = signed(t.data)
	case !top:
		r.sink = sinkWord
	}
	if t.n == streamed {
		r.stream = true
		return false, true
	}
	r.textCut += t.cut
	r.pour(t.data)
	if types[t.kind] == 'b' && !t.whole {
		return false, true
	}
	r.endWord()
	return r.completed(), true
}

// chunk adds a part of a streamed string; an empty one ends it.
func (r *reply) chunk(t *item) (done, ok bool) {
	if !r.stream {
		return false, false
	}
	if t.n == 0 {
		r.stream = false
		r.endWord()
		return r.completed(), true
	}
	r.pour(t.data)
	return false, true
}

// pour adds bytes to where the current string goes.
func (r *reply) pour(b []byte) {
	switch r.sink {
	case sinkText:
		n := min(len(b), maxErrorText-len(r.text))
		if r.kind == '+' {
			n = min(len(b), maxRequest-len(r.text)) // a line of MONITOR
		}
		r.text = append(r.text, b[:n]...)
		r.textCut += int64(len(b) - n)
	case sinkFailure:
		r.failure = append(r.failure, b[:min(len(b), maxErrorText-len(r.failure))]...)
	case sinkWord:
		if r.keep > 0 {
			n := min(len(b), maxRequest-len(r.words))
			r.words = append(r.words, b[:n]...)
			r.wordCut += int64(len(b) - n)
		}
	}
}

// word adds an element.
func (r *reply) word(b []byte) {
	r.sink = sinkWord
	r.pour(b)
	r.endWord()
}

// endWord ends an element, if it is one. The first one tells whether an array
// is a message.
func (r *reply) endWord() {
	if len(r.stack) == 0 || r.stream || r.stack[0].attribute {
		return
	}
	if r.keep == 0 {
		r.seen++
		return
	}
	r.ends = append(r.ends, len(r.words))
	r.keep--
	if r.keep == 0 && len(r.ends) == 1 && r.kind == '*' {
		if r.unasked = isMessage(r.words, r.n); r.unasked {
			r.keep = maxWords - 1
		}
	}
}

// at returns element i of those that were kept.
func (r *reply) at(i int) []byte {
	if i >= len(r.ends) {
		return nil
	}
	start := 0
	if i > 0 {
		start = r.ends[i-1]
	}
	return r.words[start:r.ends[i]]
}

// completed says whether the value that ended ends the reply.
func (r *reply) completed() bool {
	for top := len(r.stack) - 1; top >= 0; top-- {
		f := &r.stack[top]
		if f.left < 0 {
			return false
		}
		if f.left--; f.left > 0 {
			return false
		}
		attribute := f.attribute
		r.stack = r.stack[:top]
		if attribute {
			return false
		}
	}
	return true
}
