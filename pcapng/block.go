package pcapng

import "fmt"

// Block types, draft section 11.1. The blocks of each type have a struct of
// their own; all others are read and written as [Unknown].
const (
	TypeInterfaceDescription uint32 = 0x00000001
	TypeObsoletePacket       uint32 = 0x00000002
	TypeSimplePacket         uint32 = 0x00000003
	TypeNameResolution       uint32 = 0x00000004
	TypeInterfaceStatistics  uint32 = 0x00000005
	TypeEnhancedPacket       uint32 = 0x00000006
	TypeSystemdJournal       uint32 = 0x00000009
	TypeDecryptionSecrets    uint32 = 0x0000000A
	TypeCustom               uint32 = 0x00000BAD // a tool may copy it into a new file
	TypeSectionHeader        uint32 = 0x0A0D0D0A // "\n\r\r\n", the same in both byte orders
	TypeCustomNoCopy         uint32 = 0x40000BAD // a tool must not copy it
	TypeProcessInformation   uint32 = 0x80000001 // for local use; see [ProcessInformation]
)

// A Block is one block of a pcapng file: a pointer to one of this package's
// block structs.
type Block interface {
	// BlockType is the block's type code.
	BlockType() uint32

	// encode appends the block's body, without the padding at its end.
	encode(e *encoder)
}

// frameSize is what surrounds a block's body: type and length before it, the
// length again after it (draft section 3.1).
const frameSize = 12

// typeName names a block type in error messages.
func typeName(t uint32) string {
	switch t {
	case TypeInterfaceDescription:
		return "interface description block"
	case TypeObsoletePacket:
		return "obsolete packet block"
	case TypeSimplePacket:
		return "simple packet block"
	case TypeNameResolution:
		return "name resolution block"
	case TypeInterfaceStatistics:
		return "interface statistics block"
	case TypeEnhancedPacket:
		return "enhanced packet block"
	case TypeSystemdJournal:
		return "systemd journal export block"
	case TypeDecryptionSecrets:
		return "decryption secrets block"
	case TypeCustom, TypeCustomNoCopy:
		return "custom block"
	case TypeSectionHeader:
		return "section header block"
	case TypeProcessInformation:
		return "process information block"
	}
	return fmt.Sprintf("block of type %#08x", t)
}

// known reports whether blocks of type t have a struct other than Unknown.
func known(t uint32) bool {
	switch t {
	case TypeInterfaceDescription, TypeObsoletePacket, TypeSimplePacket,
		TypeNameResolution, TypeInterfaceStatistics, TypeEnhancedPacket,
		TypeSystemdJournal, TypeDecryptionSecrets, TypeCustom,
		TypeCustomNoCopy, TypeSectionHeader, TypeProcessInformation:
		return true
	}
	return false
}
