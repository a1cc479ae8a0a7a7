package postgresql

import (
	"bytes"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgproto3"

	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// beforeMessage takes off p what is no message for the framer: the answer to a
// SSLRequest, and rows, which are only counted.
func (d *decoder) beforeMessage(s *side, at decoders.Mark, p []byte) []byte {
	r := d.queue.first()
	if r == nil || s.hunting || s.framer.inside() {
		return p
	}
	if r.current() == stepNegotiate {
		return d.negotiated(r, at, p)
	}
	return d.skipRows(r, at, p)
}

// skipRows counts the rows, or the data of a COPY, at the beginning of p that
// are there with all their bytes, and returns what follows them. Most bytes of
// most captures are those, so this is the way that must be short.
func (d *decoder) skipRows(r *request, at decoders.Mark, p []byte) []byte {
	if !r.flowing() || d.skipping || r.failed || d.doubt {
		return p
	}
	start, rows, copied := len(p), int64(0), uint64(0)
	for len(p) >= typedHeader {
		kind := p[0]
		length := int(binary.BigEndian.Uint32(p[1:]))
		if kind != kindDataRow && kind != kindCopyData || length < lengthField || length >= len(p) ||
			kind == kindDataRow && length < lengthField+2 {
			break
		}
		if kind == kindDataRow {
			rows++
		} else {
			copied += uint64(length - lengthField)
		}
		p = p[1+length:]
	}
	if n := start - len(p); n > 0 {
		r.saw(at, at, int64(n))
		r.rows += rows
		r.counted = r.counted || rows > 0
		r.copyBytes += copied
		if rows > 0 || r.copying == "out" {
			r.x.SawRows(at, at)
		}
	}
	return p
}

// flowing says whether rows or data of a COPY can come.
func (r *request) flowing() bool {
	s := r.current()
	return s == stepQuery || s == stepExecute
}

// fits says whether a message of this type can be the next of the answer to r.
func (d *decoder) fits(r *request, kind byte) bool {
	switch kind {
	case kindErrorResponse, kindNoticeResponse, kindParameterStatus, kindNotification:
		return true
	}
	if r.failed || d.skipping {
		return kind == kindReadyForQuery
	}
	if r.current() == stepDescribeStatement { // which two messages answer
		if !r.inside {
			return kind == kindParameterDescription
		}
		return kind == kindRowDescription || kind == kindNoData
	}
	return answers[kind]&(1<<r.current()) != 0
}

// answers has the steps of which a message of each type can be the answer, or a
// part of it, in a bit each.
var answers = func() (t [256]uint16) {
	for s, kinds := range [...]string{
		stepQuery: string([]byte{
			kindRowDescription, kindDataRow, kindCommandComplete, kindEmptyQuery, kindReadyForQuery,
			kindCopyInResponse, kindCopyOutResponse, kindCopyBothResponse, kindCopyData, kindCopyDone,
		}),
		stepExecute: string([]byte{
			kindDataRow, kindCommandComplete, kindEmptyQuery, kindPortalSuspended,
			kindCopyInResponse, kindCopyOutResponse, kindCopyBothResponse, kindCopyData, kindCopyDone,
		}),
		stepFunctionCall:   string([]byte{kindFunctionCallResponse, kindReadyForQuery}),
		stepStartup:        string([]byte{kindAuthentication, kindBackendKeyData, kindNegotiateVersion, kindReadyForQuery}),
		stepParse:          string([]byte{kindParseComplete}),
		stepDescribePortal: string([]byte{kindRowDescription, kindNoData}),
		stepBind:           string([]byte{kindBindComplete}),
		stepClose:          string([]byte{kindCloseComplete}),
		stepSync:           string([]byte{kindReadyForQuery}),
	} {
		for _, kind := range []byte(kinds) {
			t[kind] |= 1 << s
		}
	}
	return t
}()

// serverMessage takes in a message of the server.
func (d *decoder) serverMessage(m *message, at decoders.Mark) {
	s := d.server()
	r := d.queue.first()
	if r != nil && d.doubt && !r.answered && d.queue.len() > 1 {
		// The client sends ahead, so this may as well be the answer to a
		// request that was lost. Better none than another's.
		d.abandon("gap", 0)
		r = nil
	}
	if m.kind == kindNotification {
		s.hunting = false
		d.notification(m, at)
		return
	}
	if r == nil || d.doubt && !r.answered && !d.fits(r, m.kind) {
		d.passed(m, at)
		return
	}
	if !d.fits(r, m.kind) {
		d.lose(s)
		return
	}
	if d.doubt && m.kind == kindErrorResponse {
		r.partial = true // it may be about what was lost, of which this is the Sync
	}
	s.hunting, d.doubt = false, false
	if m.kind == kindReadyForQuery {
		d.ready(r, m, at)
		return
	}
	r.saw(m.start, at, m.wire)
	d.reply(r, m, at)
}

// passed takes in a message that answers no request. An error is why the
// server ends the connection, unless it may be the answer to what was lost.
func (d *decoder) passed(m *message, at decoders.Mark) {
	switch m.kind {
	case kindReadyForQuery:
		if d.queue.len() == 0 {
			d.doubt = false
		}
	case kindErrorResponse:
		if d.doubt || d.server().hunting {
			return
		}
		r := d.queue.take()
		r.x.Op = serverTypes[m.kind].name
		r.saw(m.start, at, m.wire)
		r.fail(m)
		d.out(r)
	}
}

// reply takes in a message of the answer to r, which ends at at.
func (d *decoder) reply(r *request, m *message, at decoders.Mark) {
	switch m.kind {
	case kindErrorResponse:
		d.errorReply(r, m)
	case kindNoticeResponse:
		r.notice(m)
	case kindParameterStatus:
		if r.steps[0] == stepStartup {
			r.parameterStatus(m)
		}
	case kindAuthentication:
		d.authentication(r, m)
	case kindBackendKeyData: // the secret key follows
		if b := (reader{b: m.body}); len(r.x.Attrs) < maxAttrs {
			r.x.AddUint("backend_pid", uint64(b.uint32()))
		}
	case kindRowDescription:
		d.described(r)
	case kindNoData, kindParseComplete, kindBindComplete, kindCloseComplete:
		d.next(r)
	case kindParameterDescription:
		d.parameterTypes(r, m)
		r.inside = true
	case kindDataRow:
		r.rows++
		r.counted = true
		r.x.SawRows(m.start, at)
	case kindCommandComplete:
		r.complete(m)
		d.resultEnds(r)
	case kindEmptyQuery:
		d.resultEnds(r)
	case kindPortalSuspended:
		r.suspended = true
		d.resultEnds(r)
	case kindCopyInResponse, kindCopyOutResponse, kindCopyBothResponse, kindCopyData, kindCopyDone:
		d.serverCopy(r, m, at)
	}
}

// described takes in a RowDescription, which begins a result, or is the answer
// to a Describe.
func (d *decoder) described(r *request) {
	r.counted = true
	if s := r.current(); s == stepDescribeStatement || s == stepDescribePortal {
		r.counted = r.x.Op == stepNames[stepExecute]
		d.next(r)
	}
}

// next goes on to the next message that is to be answered.
func (d *decoder) next(r *request) {
	r.inside = false
	if r.step++; r.step == r.count {
		d.finish(r)
	}
}

// resultEnds ends a result, and the answer to an Execute with it.
func (d *decoder) resultEnds(r *request) {
	r.copyIn = false
	r.total += r.rows
	r.rows = 0
	if r.current() == stepExecute {
		d.next(r)
	}
}

// maxTags bounds what is kept of the command tags of one request.
const maxTags = 1024

// complete takes in a CommandComplete. Its tag has a number of rows for the
// commands that have such a thing.
func (r *request) complete(m *message) {
	b := reader{b: m.body}
	tag := b.text()
	r.results++
	if len(r.tags)+len(tag) < maxTags {
		if len(r.tags) > 0 {
			r.tags = append(r.tags, "; "...)
		}
		r.tags = append(r.tags, tag...)
	}
	i := bytes.LastIndexByte(tag, ' ')
	if i < 0 {
		return
	}
	n := int64(0)
	for _, c := range tag[i+1:] {
		if c < '0' || c > '9' || n > 1<<58 {
			return
		}
		n = n*10 + int64(c-'0')
	}
	r.rows = n
	r.counted = true
	switch string(tag[:bytes.IndexByte(tag, ' ')]) {
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		r.affected += uint64(n)
	}
}

// parameterTypes takes in of which types a statement's parameters are.
func (d *decoder) parameterTypes(r *request, m *message) {
	if r.stmt == nil {
		return
	}
	b := reader{b: m.body}
	r.stmt.types = r.stmt.types[:0]
	for range b.uint16() {
		if oid := b.uint32(); !b.bad {
			r.stmt.types = append(r.stmt.types, oid)
		}
	}
	if d.names.statements[r.stmt.name] == r.stmt {
		d.names.weigh(r.stmt)
	}
}

// errorReply ends a request with the server's refusal. One of the extended
// protocol makes the server pass over all that follows up to a Sync.
func (d *decoder) errorReply(r *request, m *message) {
	r.fail(m)
	r.total += r.rows
	r.rows = 0
	switch s := r.current(); {
	case s == stepStartup || s == stepNegotiate:
		d.finish(r)
	case s == stepQuery || s == stepFunctionCall:
		r.failed = true
	default:
		if s == stepParse {
			d.undo(r)
		}
		if r.failed = r.sync(); !r.failed {
			d.skipping = true
			d.finish(r)
		}
	}
}

// fail takes over an ErrorResponse.
func (r *request) fail(m *message) {
	var e pgproto3.ErrorResponse
	r.x.Status = decoders.Error
	if len(r.x.Attrs) < maxAttrs {
		r.x.AddCount("gap", uint64(m.hole))
	}
	if e.Decode(m.body) != nil && e.Code == "" { // cut, or of protocol 2
		return
	}
	r.x.ErrorCode = e.Code
	r.x.Error = r.appendMessage(r.x.Error[:0], e.Message)
	if e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC" {
		r.keepString("severity", e.SeverityUnlocalized)
	}
	r.keepString("constraint", e.ConstraintName)
}

// notice takes over the first NoticeResponse and counts all.
func (r *request) notice(m *message) {
	if r.notices++; r.notices > 1 {
		return
	}
	var n pgproto3.NoticeResponse
	if n.Decode(m.body) != nil && n.Code == "" {
		return
	}
	r.keepString("notice_code", n.Code)
	r.keepText("notice", r.appendMessage(nil, n.Message))
}

// appendMessage appends what one end tells the other in words, which may repeat a
// statement's secrets, and tell others if a RAISE wrote them.
func (r *request) appendMessage(dst []byte, words string) []byte {
	m := []byte(words)
	if decoders.MayHaveSecrets(m) {
		m = decoders.AppendWithoutSecrets(nil, m)
	}
	return sql.AppendError(dst, m, r.x.Request, false, &r.hidden)
}

// ready takes in a ReadyForQuery. It ends a request, and all those that the
// server passed over because of an error before.
func (d *decoder) ready(r *request, m *message, at decoders.Mark) {
	for d.skipping && r != nil && !r.sync() {
		d.passedOver(r)
		d.finish(r)
		r = d.queue.first()
	}
	if r == nil { // the Sync was lost
		d.skipping = false
		return
	}
	if d.skipping && r.steps[0] != stepSync {
		d.passedOver(r)
	}
	d.skipping = false
	r.saw(m.start, at, m.wire)
	if len(m.body) > 0 {
		r.status = m.body[0]
	}
	d.finish(r)
}

// passedOver says that the server did not look at a request.
func (d *decoder) passedOver(r *request) {
	r.x.Status = decoders.Unanswered
	r.x.AddCount("skipped", 1)
	d.undo(r)
}

// notification hands over a NotificationResponse, which nobody asked for now.
func (d *decoder) notification(m *message, at decoders.Mark) {
	b := reader{b: m.body}
	pid := b.uint32()
	r := d.queue.take()
	r.x.Op = serverTypes[m.kind].name
	r.saw(m.start, at, m.wire)
	r.text = append(r.text[:0], b.text()...)
	r.x.Request = r.text
	r.x.Args = append(r.x.Args, decoders.TextValue(r.keep(b.text())))
	r.scratch = sql.HideContents(r.x.Args, 1, r.scratch, &r.hidden)
	r.x.AddUint("backend_pid", uint64(pid))
	d.out(r)
}
