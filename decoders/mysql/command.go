package mysql

import "bytes"

// The commands of the "Command Phase".
const (
	comQuit             = 0x01
	comInitDB           = 0x02
	comQuery            = 0x03
	comFieldList        = 0x04
	comCreateDB         = 0x05
	comDropDB           = 0x06
	comRefresh          = 0x07
	comShutdown         = 0x08
	comStatistics       = 0x09
	comProcessInfo      = 0x0a
	comProcessKill      = 0x0c
	comDebug            = 0x0d
	comPing             = 0x0e
	comChangeUser       = 0x11
	comBinlogDump       = 0x12
	comTableDump        = 0x13
	comRegisterSlave    = 0x15
	comStmtPrepare      = 0x16
	comStmtExecute      = 0x17
	comStmtSendLongData = 0x18
	comStmtClose        = 0x19
	comStmtReset        = 0x1a
	comSetOption        = 0x1b
	comStmtFetch        = 0x1c
	comBinlogDumpGTID   = 0x1e
	comResetConnection  = 0x1f
	comClone            = 0x20
	comStmtBulkExecute  = 0xfa

	semiSyncAck = 0xef // not a command: a replica's answer to a binlog event
)

// A replyKind is the grammar of the answer to a command.
type replyKind uint8

const (
	replyNone    replyKind = iota // there is none
	replyOK                       // OK_Packet, EOF_Packet or ERR_Packet
	replyString                   // one packet of text
	replyResult                   // COM_QUERY Response, or a binary result set
	replyRows                     // rows of a cursor
	replyFields                   // column definitions of a table
	replyPrepare                  // COM_STMT_PREPARE Response
	replyAuth                     // authentication goes on until OK or ERR
	replyStream                   // events until EOF or ERR, often never
	replyClone                    // OK_Packet, then a protocol of its own
)

// A command is what the decoder knows of one.
type command struct {
	op    string
	reply replyKind
	// The payload's length, the command byte included; max 0 means that
	// there is text or more, of any length.
	min, max int
}

var commands = [256]command{
	comQuit:             {"quit", replyNone, 1, 1},
	comInitDB:           {"init_db", replyOK, 1, maxShort},
	comQuery:            {"query", replyResult, 2, 0},
	comFieldList:        {"field_list", replyFields, 2, maxShort},
	comCreateDB:         {"create_db", replyOK, 2, maxShort},
	comDropDB:           {"drop_db", replyOK, 2, maxShort},
	comRefresh:          {"refresh", replyOK, 2, 2},
	comShutdown:         {"shutdown", replyOK, 1, 2},
	comStatistics:       {"statistics", replyString, 1, 1},
	comProcessInfo:      {"process_info", replyResult, 1, 1},
	comProcessKill:      {"kill", replyOK, 5, 5},
	comDebug:            {"debug", replyOK, 1, 1},
	comPing:             {"ping", replyOK, 1, 1},
	comChangeUser:       {"change_user", replyAuth, 3, maxHandshake},
	comBinlogDump:       {"binlog_dump", replyStream, 11, maxShort},
	comTableDump:        {"table_dump", replyStream, 3, maxShort},
	comRegisterSlave:    {"register_slave", replyOK, 18, maxShort},
	comStmtPrepare:      {"stmt_prepare", replyPrepare, 1, 0},
	comStmtExecute:      {"stmt_execute", replyResult, 10, 0},
	comStmtSendLongData: {"stmt_send_long_data", replyNone, stmtSendLongDataHead, 0},
	comStmtClose:        {"stmt_close", replyNone, 5, 5},
	comStmtReset:        {"stmt_reset", replyOK, 5, 5},
	comSetOption:        {"set_option", replyOK, 3, 3},
	comStmtFetch:        {"stmt_fetch", replyRows, 9, 9},
	comBinlogDumpGTID:   {"binlog_dump_gtid", replyStream, 11, maxHandshake},
	comResetConnection:  {"reset_connection", replyOK, 1, 1},
	comClone:            {"clone", replyClone, 1, 1},
	comStmtBulkExecute:  {"stmt_bulk_execute", replyResult, 7, 0},
}

const (
	// maxRequest is how much of a request is kept: all that a server with
	// its own settings takes (max_allowed_packet is 64 MiB in MySQL, 16 MiB
	// in MariaDB, the tools set 24 to 32 MiB), while 1 GiB, the most it can be
	// set to, would let one connection fill the memory. The text of what is
	// longer is cut there and says so.
	maxRequest = 64 << 20

	// maxShort bounds commands that carry names: a table's with a wildcard, a
	// file's of FN_REFLEN 512, or a replica's host, user and password of up to
	// 255 bytes each.
	maxShort = 1024

	// maxHandshake bounds what carries connection attributes, of which there
	// can be 64 KiB, besides names.
	maxHandshake = 80 << 10

	// maxLongData bounds what is kept of all COM_STMT_SEND_LONG_DATA of a
	// connection that are not executed yet.
	maxLongData = 16 << 20

	// maxReply is how much is kept of an answer other than rows: an ERR
	// message has 512 bytes, but an OK_Packet's session state can hold
	// several system variables.
	maxReply = 64 << 10
)

// keep says how much of a command of this length to keep; ok is false if it
// cannot be one.
func (c *command) keep(com byte, length int) (keep int, ok bool) {
	if c.op == "" || length < c.min || c.max > 0 && length > c.max {
		return 0, false
	}
	switch {
	case com == comStmtSendLongData:
		return stmtSendLongDataHead + maxLongData, true
	case c.max == 0:
		return maxRequest, true
	}
	return c.max, true
}

// plausibleCommand says whether b, which begins with a packet's payload,
// reads like the command it says it is. It is asked when a packet is met out
// of the blue.
func plausibleCommand(b []byte, length int) bool {
	if len(b) == 0 {
		return false
	}
	if _, ok := commands[b[0]].keep(b[0], length); !ok {
		return false
	}
	switch b[0] {
	case comQuery:
		return looksAttributed(b) || plausibleText(b[1:])
	case comStmtPrepare, comInitDB, comCreateDB, comDropDB:
		return plausibleText(b[1:])
	case comFieldList:
		return len(b) < 2 || b[1] != 0 && plausibleText(b[1:][:max(bytes.IndexByte(b[1:], 0), 0)])
	case comStmtExecute: // flags, then an iteration count of 1
		return len(b) < 10 || b[5] < 16 && b[6] == 1 && b[7]|b[8]|b[9] == 0
	}
	return true
}

// plausibleText says whether b may begin a statement or a name.
func plausibleText(b []byte) bool {
	for _, c := range b[:min(len(b), 16)] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
