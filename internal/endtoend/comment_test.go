package endtoend

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Anybody can write into a packet's comment, and to the plugin no text is an
// error: to Wireshark 4.6 one would be the end.
func TestPluginComments(t *testing.T) {
	comments := []struct{ text, want string }{
		// The texts of pluginFields.
		{`pid=1 comm=a sk=0x1`, `1|a|1||||`},
		{`look: pid=4 (sk=) sk=0x4 "quoted" =x`, `4||4||||`},
		{`pid comm kind sk=0x5 path peer_sk peer_inode fds took error lost_messages`, `||5||||`},
		{`sk`, `||||||`},
		{`sk pid=6`, `||||||`},
		{`sk=0x7 pid=4294967296 uid=9999999999 fds=4294967296`, `||7||||`},
		{`sk=0x8 took=1500ns close`, `||8|||True|0.000001500`},
		{`sk=0x9 took=99999999999999999999999999ns close=x`, `||9|||True|`},
		{`sk=0x10000000000000000`, `||||||`},
		{`sk=0xb comm="never closed \`, `||b||||`},
		{`sk=0xc peer_sk=0x1 kind=stream peer_path=` + strings.Repeat("x", 60000), `||c||||`},
		{`kind=stream pid=2 comm="a \"b\" \\c" sk=0x2 path="/x\ty=z"`, `2|a "b" \c|2|/x` + "\t" + `y=z|||`},
		{`kind=stream sk=0x3 path="\xff\x00ü" fds=4294967295`, `||3|\xff\x00ü|4294967295||`},
	}
	args := []string{}
	for i, c := range comments {
		args = append(args, "-a", strconv.Itoa(i+1)+":"+c.text)
	}
	for i := len(comments); i < 290; i++ {
		args = append(args, "-a", strconv.Itoa(i+1)+":"+randomComment())
	}
	dir := t.TempDir()
	plain, many, file := filepath.Join(dir, "plain.pcapng"), filepath.Join(dir, "many.pcapng"), filepath.Join(dir, "comments.pcapng")
	if err := os.WriteFile(plain, []byte(run(t, "gzip", "-dc", "../capture/testdata/mysql.pcapng.gz")), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "mergecap", "-a", "-w", many, plain, plain, plain, plain, plain, plain)
	run(t, "editcap", append(args, many, file)...)
	for _, s := range sharks(t) {
		if n := s.count(t, file, "_ws.lua.error"); n > 0 {
			t.Errorf("%s: %d errors", s.name, n)
		}
		for i, got := range s.pluginFields(t, file)[:len(comments)] {
			if d := cmp.Diff(comments[i].want, got); d != "" {
				t.Errorf("%s: %.80s: %s", s.name, comments[i].text, d)
			}
		}
	}
}

var random = rand.New(rand.NewPCG(1, 2))

func randomComment() (text string) {
	tokens := strings.Split(`sk=0x1 pid comm kind=stream peer_sk path uid cookie took fds lost lost_messages close error = " \ \x \xff 0 -1 1e999 99999999999 18446744073709551616 {} é`, " ")
	for range random.IntN(12) {
		text += tokens[random.IntN(len(tokens))] + []string{" ", "=", ""}[random.IntN(3)]
	}
	return text + " sk=0x1"
}

// pluginFields returns some of each packet's fields, between |. It goes by JSON,
// since versions differ in how they print texts otherwise.
func (s shark) pluginFields(t *testing.T, file string) (list []string) {
	t.Helper()
	names := []string{"unix.pid", "unix.comm", "unix.sk", "unix.path", "unix.fds", "unix.close", "unix.took"}
	args := []string{"-T", "json"}
	for _, name := range names {
		args = append(args, "-e", name)
	}
	var packets []struct {
		Source struct{ Layers map[string][]string } `json:"_source"`
	}
	if err := json.Unmarshal([]byte(s.tshark(t, file, args...)), &packets); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		texts := make([]string, len(names))
		for i, name := range names {
			texts[i] = strings.Join(p.Source.Layers[name], ",")
		}
		texts[2] = strings.TrimLeft(strings.TrimPrefix(texts[2], "0x"), "0")
		texts[5] = strings.Replace(texts[5], "1", "True", 1) // as newer versions print it
		list = append(list, strings.Join(texts, "|"))
	}
	return list
}

// The plugin may be installed for everybody and for oneself.
func TestPluginTwice(t *testing.T) {
	needs(t, "tshark")
	for _, s := range sharks(t) {
		script := "../../wireshark/unixcap.lua"
		if s.tree != "" {
			script = "/tmp/unixcap/unixcap.lua" // where tshark has it
		}
		file := filepath.Join(t.TempDir(), "x.pcapng")
		if err := os.WriteFile(file, []byte(run(t, "gzip", "-dc", "../capture/testdata/mysql.pcapng.gz")), 0o600); err != nil {
			t.Fatal(err)
		}
		s.tshark(t, file, "-X", "lua_script:"+script, "-c", "1")
	}
}

// Each version knows the fields that the profile's colours and buttons go by, with
// no plugin.
func TestProfileFilters(t *testing.T) {
	needs(t, "tshark")
	var filters []string
	for name, filter := range map[string]*regexp.Regexp{
		"colorfilters": regexp.MustCompile(`(?m)^@[^@]+@([^@]+)@`), "dfilter_buttons": regexp.MustCompile(`(?m)^"TRUE","[^"]+","([^"]+)"`),
	} {
		text, err := os.ReadFile("../../wireshark/profiles/unixcap/" + name)
		if err != nil {
			t.Fatal(err)
		}
		found := filter.FindAllStringSubmatch(string(text), -1)
		if len(found) < 5 {
			t.Errorf("%s: %d filters", name, len(found))
		}
		for _, f := range found {
			filters = append(filters, "("+strings.ReplaceAll(f[1], `\x22`, `"`)+")")
		}
	}
	all := strings.Join(filters, " or ")
	if strings.Contains(all, "unix.") {
		t.Errorf("goes by the plugin: %s", all)
	}
	file := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(file, []byte(run(t, "gzip", "-dc", "../capture/testdata/mysql.pcapng.gz")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range sharks(t) {
		if s.count(t, file, all) == 0 {
			t.Errorf("%s: nothing has a colour", s.name)
		}
	}
}
