package mysql

import (
	"encoding/binary"
	"strconv"

	"unixcap/decoders"
)

// After the OK_Packet that answers COM_CLONE both ends speak a protocol of
// their own, "Clone Plugin: Network Protocol", with commands and responses
// whose numbers are others and whose sequence ids are all 0. The exchange is
// complete when the server has answered COM_EXIT.
const (
	cloneExit     = 6   // COM_EXIT
	cloneComplete = 99  // COM_RES_COMPLETE
	cloneError    = 100 // COM_RES_ERROR: the number of an error, and its text
)

// A clone is what was said in the clone protocol.
type clone struct {
	commands  uint64
	responses uint64
	bytes     uint64 // of the responses
	exit      bool   // the client wants to end it
}

// cloneCommand takes in a packet of the client.
func (r *request) cloneCommand(first byte, size int64) {
	r.clone.commands++
	r.clone.exit = first == cloneExit && size == 1
}

// cloneResponse takes in a packet of the server.
func (d *decoder) cloneResponse(r *request, b []byte, size int64) {
	r.clone.responses++
	r.clone.bytes += uint64(size)
	switch {
	case len(b) == 0:
	case b[0] == cloneError && len(b) >= 5:
		r.x.Status = decoders.Error
		r.x.ErrorCode = strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[1:])), 10)
		r.x.Error = append(r.x.Error[:0], b[5:]...)
	case b[0] == cloneComplete && size == 1 && r.clone.exit:
		d.finish(r)
	}
}
