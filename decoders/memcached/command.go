package memcached

// A role says what a command of the text protocol is answered.
type role uint8

const (
	roleOther    role = iota // one line, whatever it is
	roleRetrieve             // VALUE and a data block each, END
	roleStore                // has a data block; STORED
	roleDelete
	roleCount // incr, decr
	roleTouch
	roleStats // lines, END
	roleDump  // lines of keys, END or EN
	roleMeta  // two letters, and a data block behind VA
	roleQuit  // no answer
	roleWatch // lines without end
)

// A command is one that memcached has.
type command struct {
	role  role
	keys  int  // index of the first key, 0 for none
	many  bool // all words from there on are keys
	bytes int  // index of the data block's length, 0 for none
}

// commands are those of doc/protocol.txt.
var commands = map[string]command{
	"get": {roleRetrieve, 1, true, 0}, "gets": {roleRetrieve, 1, true, 0},
	"gat": {roleRetrieve, 2, true, 0}, "gats": {roleRetrieve, 2, true, 0},
	"set": {roleStore, 1, false, 4}, "add": {roleStore, 1, false, 4}, "replace": {roleStore, 1, false, 4},
	"append": {roleStore, 1, false, 4}, "prepend": {roleStore, 1, false, 4}, "cas": {roleStore, 1, false, 4},
	"delete": {roleDelete, 1, false, 0}, "incr": {roleCount, 1, false, 0}, "decr": {roleCount, 1, false, 0},
	"touch": {roleTouch, 1, false, 0},
	"mg":    {roleMeta, 1, false, 0}, "ms": {roleMeta, 1, false, 2}, "md": {roleMeta, 1, false, 0},
	"ma": {roleMeta, 1, false, 0}, "me": {roleMeta, 1, false, 0}, "mn": {roleMeta, 0, false, 0},
	"stats": {roleStats, 0, false, 0}, "lru_crawler": {roleDump, 0, false, 0},
	"flush_all": {}, "version": {}, "verbosity": {}, "cache_memlimit": {}, "slabs": {}, "lru": {}, "misbehave": {},
	"refresh_certs": {}, "extstore": {}, "shutdown": {roleQuit, 0, false, 0}, "quit": {roleQuit, 0, false, 0},
	"watch": {roleWatch, 0, false, 0},
}

// names has the names as strings, so that they cost nothing.
var names = func() map[string]string {
	m := make(map[string]string)
	for name := range commands {
		m[name] = name
	}
	return m
}()

// fits says whether a command of that role can be answered with a line that
// begins with word. All can be answered with an error.
func (r role) fits(word []byte) bool {
	switch string(word) {
	case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
		return true
	}
	switch r {
	case roleRetrieve:
		return string(word) == "VALUE" || string(word) == "END"
	case roleStore:
		switch string(word) {
		case "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND":
			return true
		}
		return false
	case roleDelete:
		return string(word) == "DELETED" || string(word) == "NOT_FOUND"
	case roleTouch:
		return string(word) == "TOUCHED" || string(word) == "NOT_FOUND"
	case roleCount:
		return string(word) == "NOT_FOUND" || len(word) > 0 && word[0] >= '0' && word[0] <= '9'
	case roleMeta:
		return len(word) == 2
	}
	return true
}

// An opcode is one of the binary protocol.
type opcode struct {
	name  string
	quiet bool // not answered if there is nothing to say
	get   bool // for which that is a miss
}

// opcodes are those of protocol_binary.h.
var opcodes = [256]opcode{
	0x00: {"get", false, true}, 0x01: {"set", false, false}, 0x02: {"add", false, false}, 0x03: {"replace", false, false},
	0x04: {"delete", false, false}, 0x05: {"incr", false, false}, 0x06: {"decr", false, false}, 0x07: {"quit", false, false},
	0x08: {"flush_all", false, false}, 0x09: {"get", true, true}, 0x0a: {"noop", false, false}, 0x0b: {"version", false, false},
	0x0c: {"getk", false, true}, 0x0d: {"getk", true, true}, 0x0e: {"append", false, false}, 0x0f: {"prepend", false, false},
	0x10: {"stats", false, false}, 0x11: {"set", true, false}, 0x12: {"add", true, false}, 0x13: {"replace", true, false},
	0x14: {"delete", true, false}, 0x15: {"incr", true, false}, 0x16: {"decr", true, false}, 0x17: {"quit", true, false},
	0x18: {"flush_all", true, false}, 0x19: {"append", true, false}, 0x1a: {"prepend", true, false}, 0x1b: {"verbosity", false, false},
	0x1c: {"touch", false, false}, 0x1d: {"gat", false, true}, 0x1e: {"gat", true, true}, 0x20: {"sasl_list_mechs", false, false},
	0x21: {"sasl_auth", false, false}, 0x22: {"sasl_step", false, false}, 0x23: {"gatk", false, true}, 0x24: {"gatk", true, true},
}

const opStat, opQuitQ = 0x10, 0x17

// statuses are the binary protocol's answers that are no errors, and as the
// text protocol has them.
var statuses = map[uint16]string{1: "NOT_FOUND", 2: "EXISTS", 5: "NOT_STORED"}

// nextWord cuts a word off a line.
func nextWord(line []byte) (word, rest []byte) {
	for len(line) > 0 && line[0] == ' ' {
		line = line[1:]
	}
	i := 0
	for i < len(line) && line[i] != ' ' {
		i++
	}
	return line[:i], line[i:]
}
