package postgresql

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// leftBinary are the values of binaryClient's statement that the decoder does
// not read: bytea is bytes, and arrays stay as they are on the wire.
var leftBinary = map[int]bool{14: true, 16: true}

// The values that a client binds in binary form are those that the server says
// it was given.
func TestBinaryValuesAgainstLog(t *testing.T) {
	s := server(t)
	before, err := os.Stat(s.log())
	if err != nil {
		t.Fatal(err)
	}
	c := s.speak(t, func(c net.Conn) { binaryClient(t, c) })
	log, err := os.ReadFile(s.log())
	if err != nil {
		t.Fatal(err)
	}
	_, detail, found := strings.Cut(string(log[before.Size():]), "parameters: $1 = '-2', ")
	if !found {
		t.Fatalf("the server logged no values:\n%.2000s", log[before.Size():])
	}
	detail, _, _ = strings.Cut(detail, "\n")
	detail = "$1 = '-2', " + detail
	compared := 0
	for _, x := range decodertest.Whole(Protocol, c) {
		if len(x.Args) < 18 {
			continue
		}
		for i, v := range x.Args {
			if leftBinary[i+1] {
				if v.Kind != decoders.Binary {
					t.Errorf("$%d is %+v", i+1, v)
				}
				continue
			}
			text := string(v.Bytes)
			if v.Kind != decoders.Text {
				text = string(v.AppendText(nil))
			}
			if want := fmt.Sprintf("$%d = '%s'", i+1, text); !strings.Contains(detail+",", want+",") {
				t.Errorf("%s is not in the server's %s", want, detail)
			}
			compared++
		}
	}
	if compared != 16 {
		t.Errorf("%d values compared", compared)
	}
}
