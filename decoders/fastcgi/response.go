package fastcgi

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"strconv"

	"unixcap/decoders"
	"unixcap/decoders/uri"
)

// out takes in a stretch of standard output: the head of a CGI response (RFC
// 3875, 6), and its body.
func (r *request) out(p []byte) {
	r.stdout += int64(len(p))
	if r.headed {
		r.body += int64(len(p))
		return
	}
	before := len(r.head.b)
	r.head.add(p)
	end, skip := bytes.Index(r.head.b, []byte("\r\n\r\n")), 4
	if i := bytes.Index(r.head.b, []byte("\n\n")); i >= 0 && (end < 0 || i < end) {
		end, skip = i, 2
	}
	switch {
	case end >= 0:
		r.headed = true
		r.body = r.stdout - int64(end+skip)
		r.head.b = r.head.b[:end]
	case len(r.head.b) == maxText && before < maxText:
		r.headed = true // it is longer than is kept of it, or there is none
	}
}

// status reads the response's head. Without a Status it is 200, or 302 if there
// is a Location: RFC 3875, 6.2.
func (r *request) status() (code int, mediaType []byte) {
	if r.stdout == 0 {
		return 0, nil
	}
	code = http.StatusOK
	for line := range bytes.Lines(r.head.b) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("status")) && len(value) >= 3:
			if n, err := strconv.Atoi(string(value[:3])); err == nil {
				return n, r.typeIn()
			}
		case bytes.EqualFold(name, []byte("location")):
			code = http.StatusFound
		}
	}
	return code, r.typeIn()
}

// typeIn finds the media type in the response's head.
func (r *request) typeIn() []byte {
	for line := range bytes.Lines(r.head.b) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		if bytes.EqualFold(name, []byte("content-type")) {
			value, _, _ = bytes.Cut(value, []byte{';'})
			return bytes.TrimSpace(value)
		}
	}
	return nil
}

// protocolStatuses are those of an FCGI_END_REQUEST: FastCGI 1.0, 5.5.
var protocolStatuses = [...]string{"request_complete", "cant_mpx_conn", "overloaded", "unknown_role"}

// ends is where a request ends.
func (d *decoder) ends(r *request, body []byte) {
	x := d.describe(r)
	app, protocol := binary.BigEndian.Uint32(body), body[4]
	code, _ := r.status()
	switch {
	case protocol != 0:
		x.Status, x.ErrorCode = decoders.Error, "unknown"
		if int(protocol) < len(protocolStatuses) {
			x.ErrorCode = protocolStatuses[protocol]
		}
	case code >= 400:
		x.Status, x.ErrorCode = decoders.Error, strconv.Itoa(code)
		x.Error = append(x.Error, http.StatusText(code)...)
	case app != 0:
		x.Status, x.ErrorCode = decoders.Error, "exit "+strconv.FormatUint(uint64(app), 10)
	}
	if app != 0 {
		d.x.AddInt("app_status", int64(app))
	}
	d.emit(x)
	d.close(r)
}

// describe fills the exchange with what is known of a request.
func (d *decoder) describe(r *request) *decoders.Exchange {
	x := &d.x
	x.Reset()
	x.Op, x.Request = r.op, r.text
	x.Sent, x.Answered = r.sent, r.answered
	d.x.AddInt("request_id", int64(r.id))
	d.x.AddText("script", r.script)
	d.x.AddText("host", r.host)
	d.x.AddText("remote", r.remote)
	d.x.AddText("request_type", r.mediaType)
	if r.stdin > 0 {
		d.x.AddInt("request_content_bytes", r.stdin)
	}
	if r.params.cut > 0 {
		d.x.AddInt("truncated_bytes", r.params.cut)
	}
	if r.aborted {
		d.x.AddInt("aborted", 1)
	}
	if code, mediaType := r.status(); code != 0 {
		d.x.AddInt("status_code", int64(code))
		d.x.AddText("response_type", mediaType)
		d.x.AddInt("response_content_bytes", r.body)
	}
	if r.missing > 0 {
		d.x.AddInt("missing_bytes", r.missing)
	}
	if len(r.err.b) > 0 {
		d.x.AddInt("stderr_bytes", int64(len(r.err.b))+r.err.cut)
		d.text = uri.AppendMasked(d.text[:0], bytes.TrimSpace(r.err.b))
		d.x.AddText("stderr", d.text)
	}
	return x
}
