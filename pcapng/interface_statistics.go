package pcapng

import "fmt"

// InterfaceStatistics is the Interface Statistics Block, draft section 4.6. The
// counts are since the beginning of the capture, and absent if unknown. All
// times in it are timestamps of the interface.
type InterfaceStatistics struct {
	InterfaceID uint32
	Timestamp   uint64 // when the numbers were taken

	StartTime    Optional[uint64] // isb_starttime
	EndTime      Optional[uint64] // isb_endtime
	IfRecv       Optional[uint64] // isb_ifrecv, received by the interface
	IfDrop       Optional[uint64] // isb_ifdrop, dropped by the interface
	FilterAccept Optional[uint64] // isb_filteraccept, accepted by the filter
	OSDrop       Optional[uint64] // isb_osdrop, dropped by the operating system
	UsrDeliv     Optional[uint64] // isb_usrdeliv, delivered to the user
	Options

	iface *InterfaceDescription
}

// Options of an interface statistics block.
const (
	isbStartTime    = 2
	isbEndTime      = 3
	isbIfRecv       = 4
	isbIfDrop       = 5
	isbFilterAccept = 6
	isbOSDrop       = 7
	isbUsrDeliv     = 8
)

// BlockType returns [TypeInterfaceStatistics].
func (*InterfaceStatistics) BlockType() uint32 { return TypeInterfaceStatistics }

// Interface returns the interface, which makes times of the block's timestamps.
// It is nil if the block does not come from a Reader.
func (s *InterfaceStatistics) Interface() *InterfaceDescription { return s.iface }

// interfaceStatisticsSize is the fixed part of the body.
const interfaceStatisticsSize = 12

func (s *InterfaceStatistics) decode(b []byte, o order) error {
	if len(b) < interfaceStatisticsSize {
		return fmt.Errorf("body of %d bytes, needs %d", len(b), interfaceStatisticsSize)
	}
	*s = InterfaceStatistics{InterfaceID: o.u32(b), Timestamp: o.timestamp(b[4:]), Options: s.Options}
	return s.Options.decode(b[interfaceStatisticsSize:], o, s)
}

func (s *InterfaceStatistics) setOption(code uint16, v []byte, o order) bool {
	switch code {
	case isbStartTime:
		return len(v) == 8 && s.StartTime.set(o.timestamp(v))
	case isbEndTime:
		return len(v) == 8 && s.EndTime.set(o.timestamp(v))
	case isbIfRecv:
		return setU64(&s.IfRecv, v, o)
	case isbIfDrop:
		return setU64(&s.IfDrop, v, o)
	case isbFilterAccept:
		return setU64(&s.FilterAccept, v, o)
	case isbOSDrop:
		return setU64(&s.OSDrop, v, o)
	case isbUsrDeliv:
		return setU64(&s.UsrDeliv, v, o)
	}
	return false
}

func (s *InterfaceStatistics) encode(e *encoder) {
	e.u32(s.InterfaceID)
	e.timestamp(s.Timestamp)
	s.encodeComments(e)
	e.timestampOption(isbStartTime, s.StartTime)
	e.timestampOption(isbEndTime, s.EndTime)
	e.u64Option(isbIfRecv, s.IfRecv)
	e.u64Option(isbIfDrop, s.IfDrop)
	e.u64Option(isbFilterAccept, s.FilterAccept)
	e.u64Option(isbOSDrop, s.OSDrop)
	e.u64Option(isbUsrDeliv, s.UsrDeliv)
	s.encodeTail(e)
}
