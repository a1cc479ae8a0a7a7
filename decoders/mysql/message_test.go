package mysql

import (
	"fmt"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/sql"
)

func TestColumnCount(t *testing.T) {
	for _, test := range []struct {
		name, packet string
		want         ColumnCount
		bad          bool
	}{
		{"plain", "\x05", ColumnCount{5, true}, false},
		{"plain, two bytes", "\xfc\x00\x01", ColumnCount{256, true}, false},
		{"MySQL, definitions follow", "\x01\x05", ColumnCount{5, true}, false},
		{"MySQL, none follow", "\x00\x05", ColumnCount{5, false}, false},
		{"MySQL, two bytes", "\x01\xfc\x00\x01", ColumnCount{256, true}, false},
		{"MariaDB, definitions follow", "\x05\x01", ColumnCount{5, true}, false},
		{"MariaDB, none follow", "\x05\x00", ColumnCount{5, false}, false},
		{"MariaDB, one column, none follow", "\x01\x00", ColumnCount{1, false}, false},
		{"one column, whichever server", "\x01\x01", ColumnCount{1, true}, false},
		{"MariaDB, two bytes", "\xfc\x00\x01\x00", ColumnCount{256, false}, false},
		{"empty", "", ColumnCount{}, true},
		{"no columns", "\x00", ColumnCount{}, true},
		{"too many", "\xfd\x00\x00\x01", ColumnCount{}, true},
		{"cut", "\xfc\x00", ColumnCount{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got ColumnCount
			err := got.Decode([]byte(test.packet))
			if (err != nil) != test.bad || err == nil && got != test.want {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestOKPacket(t *testing.T) {
	for _, test := range []struct {
		name, packet string
		track        bool
		want         string
	}{
		{"OK", "\x00\x03\xfc\x00\x01\x02\x00\x01\x00", false, "3 256 2 1 \"\" <nil>"},
		{"OK in place of EOF", "\xfe\x00\x00\x08\x00\x02\x00", false, "0 0 8 2 \"\" <nil>"},
		{"EOF", "\xfe\x02\x00\x08\x00", false, "0 0 8 2 \"\" <nil>"},
		{"schema", "\x00\x00\x00\x02\x40\x00\x00\x00\x05\x01\x03\x02db", true, "0 0 16386 0 \"db\" <nil>"},
		{"state nobody asked for", "\x00\x00\x00\x02\x40\x00\x00\x00\x05\x01\x03\x02db", false, "0 0 16386 0 \"\" <nil>"},
		{"schema cut", "\x00\x00\x00\x02\x40\x00\x00\x00\x05\x01\x03\x09db", true, "0 0 16386 0 \"\" <nil>"},
		{"cut", "\x00\x00\x00\x02", true, "0 0 0 0 \"\" mysql: malformed OK_Packet"},
		{"something else", "\x07\x00\x00\x02\x00\x00\x00", true, "0 0 0 0 \"\" mysql: malformed OK_Packet"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m OKPacket
			err := m.Decode([]byte(test.packet), test.track)
			if got := fmt.Sprintf("%d %d %d %d %q %v", m.AffectedRows, m.LastInsertID, m.StatusFlags, m.Warnings, m.State.Schema, err); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestERRPacket(t *testing.T) {
	for _, test := range []struct{ name, packet, want string }{
		{"with SQL state", "\xff\x28\x04#42000You have", "1064 42000 You have <nil>"},
		{"without", "\xff\x10\x04Too many", "1040  Too many <nil>"},
		{"progress report", "\xff\xff\xff\x01\x01\x02\x00\x00\x00", "65535  \x01\x01\x02\x00\x00\x00 <nil>"},
		{"cut", "\xff\x28", "0   mysql: malformed ERR_Packet"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m ERRPacket
			err := m.Decode([]byte(test.packet))
			if got := fmt.Sprintf("%d %s %s %v", m.Code, m.SQLState, m.Message, err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBinaryValues(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		kind       uint16
		want       string
	}{
		{"tiny", "\xff", typeTiny, "-1"},
		{"unsigned tiny", "\xff", typeTiny | unsignedFlag, "255"},
		{"short", "\x00\x80", typeShort, "-32768"},
		{"year", "\xe8\x07", typeYear | unsignedFlag, "2024"},
		{"long", "\xfe\xff\xff\xff", typeLong, "-2"},
		{"long long", "\xff\xff\xff\xff\xff\xff\xff\xff", typeLongLong, "-1"},
		{"unsigned long long", "\xff\xff\xff\xff\xff\xff\xff\xff", typeLongLong | unsignedFlag, "18446744073709551615"},
		{"float", "\xcd\xcc\xcc\x3d", typeFloat, "0.1"},
		{"double", "\x00\x00\x00\x00\x00\x00\xf8\xbf", typeDouble, "-1.5"},
		{"decimal", "\x061234.5", typeNewDecimal, `"1234.5"`},
		{"string", "\x03abc", typeVarString, `"abc"`},
		{"blob", "\x02\x00\xff", typeBlob, "0x00ff"},
		{"null", "", typeNull, "NULL"},
		{"date", "\x04\xe8\x07\x02\x1d", typeDate, `"2024-02-29"`},
		{"date 0", "\x00", typeDate, `"0000-00-00"`},
		{"datetime without time", "\x04\xe8\x07\x02\x1d", typeDateTime, `"2024-02-29 00:00:00"`},
		{"datetime", "\x07\xe8\x07\x02\x1d\x0c\x22\x38", typeDateTime, `"2024-02-29 12:34:56"`},
		{"timestamp", "\x0b\xe8\x07\x02\x1d\x0c\x22\x38\x15\x03\x00\x00", typeTimestamp, `"2024-02-29 12:34:56.000789"`},
		{"datetime 0", "\x00", typeDateTime, `"0000-00-00 00:00:00"`},
		{"year 7", "\x04\x07\x00\x01\x01", typeDate, `"0007-01-01"`},
		{"time", "\x08\x01\x02\x00\x00\x00\x03\x04\x05", typeTime, `"-51:04:05"`},
		{"time with fraction", "\x0c\x00\x00\x00\x00\x00\x03\x04\x05\x07\x00\x00\x00", typeTime, `"03:04:05.000007"`},
		{"time 0", "\x00", typeTime, `"00:00:00"`},
		{"cut", "\x05abc", typeString, "malformed"},
		{"date of no length", "\x05abcde", typeDate, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := valueReader{payload: payload{b: []byte(test.wire)}}
			v := r.value(test.kind)
			got := string(v.AppendText(nil))
			if r.bad {
				got = "malformed"
			} else if len(r.b) > 0 {
				got = "bytes left"
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestQueryAttributes(t *testing.T) {
	var m Query
	var r valueReader
	with := "\x03\x02\x01\x02\x01\xfd\x00\x05trace\x08\x00\x01n\x03abcselect 1"
	if err := m.Decode([]byte(with), true, &r); err != nil || string(m.Text) != "select 1" || len(m.Attributes) != 2 ||
		string(m.Attributes[0].Value.Bytes) != "abc" || m.Attributes[1].Value.Kind != decoders.Null {
		t.Errorf("%q %v %v", m.Text, m.Attributes, err)
	}
	if !looksAttributed([]byte(with)) || !looksAttributed([]byte("\x03\x00\x01select 1")) || looksAttributed([]byte("\x03select 1")) {
		t.Error("looksAttributed")
	}
	for n := range len(with) - len("select 1") {
		if n > 0 && m.Decode([]byte(with[:n]), true, &r) == nil {
			t.Errorf("%d bytes of it were enough", n)
		}
	}
}

func TestChangeUserKeepsNoPassword(t *testing.T) {
	var m ChangeUser
	caps := clientSecureConnection | clientPluginAuth | clientConnectAttrs
	if err := m.Decode([]byte("\x11u\x00\x04hashdb\x00\x21\x00mysql_native_password\x00\x04\x01a\x01b"), caps); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %d %s %q", m.Username, m.Database, m.CharacterSet, m.AuthPluginName, m.Attributes)
	if want := `u db 33 mysql_native_password "\x01a\x01b"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUsedDatabase(t *testing.T) {
	for _, test := range []struct {
		statement, want string
		ok              bool
	}{
		{"use a", "a", true}, {"USE `a b`;", "a b", true}, {"/* c */ use a -- x", "a", true},
		{"use a b", "", false}, {"user", "", false}, {"use", "", false}, {"select 1", "", false},
	} {
		if got, ok := sql.UsedDatabase([]byte(test.statement)); string(got) != test.want || ok != test.ok {
			t.Errorf("%s: %q, %v", test.statement, got, ok)
		}
	}
}

func TestFramer(t *testing.T) {
	big := strings.Repeat("x", maxPacket)
	wireBytes := string(wire(0, "one")) + string(wire(0, big)) + string(wire(1, "rest")) + string(wire(0, big)) + string(wire(1, "")) + string(wire(0, ""))
	for _, step := range []int{len(wireBytes), 1 << 20, 65537, 4097} {
		for _, keep := range []int{0, 3, 1 << 30} {
			f := framer{admit: func(byte, int, byte) (int, bool) { return keep, true }}
			var sizes []int64
			for b := []byte(wireBytes); len(b) > 0; {
				piece := b[:min(step, len(b))]
				b = b[len(piece):]
				for len(piece) > 0 {
					rest, got := f.next(decoders.Mark{}, piece)
					piece = rest
					if got == complete {
						sizes = append(sizes, f.pkt.size)
						if int64(len(f.pkt.payload)) != min(f.pkt.size, int64(keep)) {
							t.Errorf("kept %d of %d", len(f.pkt.payload), f.pkt.size)
						}
					}
				}
			}
			if got := fmt.Sprint(sizes); got != "[3 16777219 16777215 0]" {
				t.Errorf("step %d: %s", step, got)
			}
		}
	}
}
