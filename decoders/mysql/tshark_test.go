package mysql

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// A sharkCommand is a command as tshark reads it.
type sharkCommand struct {
	com  string // its number
	text string // mysql.query
}

// tshark returns the commands that tshark finds in a conversation.
func tshark(t *testing.T, c decodertest.Conversation) (all []sharkCommand) {
	t.Helper()
	need.Programs(t, "tshark")
	file := filepath.Join(t.TempDir(), "conversation.pcap")
	c.WritePcap(t, file, 3306)
	out, err := exec.Command("tshark", "-r", file, "-Y", "mysql.command", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=\x1e",
		"-E", "separator=\x1f", "-e", "mysql.command", "-e", "mysql.query").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		coms, texts, _ := strings.Cut(lines.Text(), "\x1f")
		all = append(all, sharkCommand{coms, texts})
	}
	return all
}

func (c sharkCommand) is(com byte) bool { return c.com == fmt.Sprint(com) }

// tshark and the decoder find the same commands with the same text, but for the text of COM_STMT_EXECUTE, of which
// tshark has none. The statement's id says which it is, and the general log
// says so, too (TestSysbenchAgainstLog).
func TestTsharkHasNoTextOfExecutions(t *testing.T) {
	c := decodertest.Read(t, "testdata/sysbench.conv")
	// Many COM_STMT_CLOSE are in one packet; they have no text.
	theirs := slices.DeleteFunc(tshark(t, c), func(c sharkCommand) bool { return !c.is(comStmtPrepare) && !c.is(comStmtExecute) })
	ours := slices.DeleteFunc(decodertest.Whole(Protocol, c), func(x decoders.Exchange) bool {
		return x.Op != commands[comStmtPrepare].op && x.Op != commands[comStmtExecute].op
	})
	executed := 0
	if len(theirs) != len(ours) {
		t.Fatalf("tshark has %d commands, the decoder %d", len(theirs), len(ours))
	}
	for i := range ours {
		switch x := &ours[i]; {
		case commands[comStmtExecute].op == x.Op:
			executed++
			if !theirs[i].is(comStmtExecute) || theirs[i].text != "" || len(x.Request) == 0 {
				t.Errorf("tshark has %q: %s", theirs[i], decodertest.JSON(x))
			}
		case theirs[i].text != string(x.Request):
			t.Errorf("tshark has %q: %s", theirs[i], decodertest.JSON(x))
		}
	}
	if executed == 0 {
		t.Error("nothing was executed")
	}
}

// tshark takes the content of a LOCAL INFILE for commands. That it is not is
// the server's word: it says how many records it read.
func TestTsharkTakesInfilesForCommands(t *testing.T) {
	c := decodertest.Read(t, "testdata/maria11.conv")
	xs := decodertest.Whole(Protocol, c)
	i := slices.IndexFunc(xs, func(x decoders.Exchange) bool { return strings.HasPrefix(string(x.Request), "load data") })
	if i < 0 || xs[i].Rows != 3 || !strings.Contains(decodertest.JSON(&xs[i]), `"info":"Records: 3  Deleted: 0  Skipped: 0  Warnings: 0"`) {
		t.Fatal("the server did not read three records")
	}
	text := func(c sharkCommand) bool {
		return c.text == "select 1" || strings.HasPrefix(c.text, "select 1\n") || strings.HasPrefix(c.text, "select 1\\n")
	}
	if theirs := tshark(t, c); !slices.ContainsFunc(theirs, text) {
		t.Errorf("tshark reads no command in the file any more: %q", theirs)
	}
	for _, x := range xs {
		if strings.HasPrefix(string(x.Request), "select 1\n") {
			t.Errorf("a command out of the file: %s", decodertest.JSON(&x))
		}
	}
}

// tshark cuts a statement of 17.6 MB at 16 MiB. The server says how long it was.
func TestTsharkCutsBigStatements(t *testing.T) {
	s := server(t)
	const size = 17_600_000
	all := s.sql(t, "select 'length', length('"+strings.Repeat("x", size)+"')", "--max-allowed-packet=64M", "--skip-compress")
	c := all[len(all)-1]
	said := func(m decodertest.Message) bool { return strings.Contains(string(m.Data), fmt.Sprint(size)) }
	if !slices.ContainsFunc(c, said) {
		t.Fatal("the server does not say how long it was")
	}
	var ours, theirs int
	for _, x := range decodertest.Whole(Protocol, c) {
		ours = max(ours, len(x.Request))
	}
	for _, x := range tshark(t, c) {
		theirs = max(theirs, len(x.text))
	}
	if ours < size {
		t.Errorf("%d bytes of the statement", ours)
	}
	if theirs > maxPacket {
		t.Errorf("tshark has %d bytes of the statement", theirs)
	}
}
