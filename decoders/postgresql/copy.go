package postgresql

import "unixcap/decoders"

// serverCopy takes in the server's side of a COPY, or of a replication stream.
// What is copied out comes as rows do.
func (d *decoder) serverCopy(r *request, m *message, at decoders.Mark) {
	switch m.kind {
	case kindCopyInResponse:
		r.copying, r.copyIn = "in", true
	case kindCopyOutResponse:
		r.copying = "out"
	case kindCopyBothResponse:
		r.copying, r.copyIn = "both", true
		r.keepString("replication", d.replication)
	case kindCopyData:
		r.copyBytes += uint64(m.size)
		if r.copying == "out" {
			r.x.SawRows(m.start, at)
		}
	}
}

// clientCopy takes in the client's side. It belongs to the oldest request, as
// a client that sends data has read that it may. After an error the server
// passes over what was still under way.
func (d *decoder) clientCopy(m *message) {
	r := d.queue.first()
	if r == nil || !r.copyIn {
		return
	}
	switch m.kind {
	case kindCopyData:
		if r.copying == "in" { // of both, the server's is what is copied
			r.copyBytes += uint64(m.size)
		}
	case kindCopyDone:
		r.copyIn = false
	case kindCopyFail:
		r.copyIn = false
		b := reader{b: m.body}
		r.keepText("copy_fail", r.appendMessage(nil, string(b.text())))
	}
}
