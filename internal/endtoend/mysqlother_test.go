package endtoend

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"unixcap/internal/need"
)

// An otherEntry is what go-mysql-server was asked and answered, by its own account.
type otherEntry struct {
	Connection int
	Op         string
	Request    string
	Args       []any
	Rows       int
	ErrorCode  int `json:"error_code"`
}

// startOther starts the server of the demo, which is go-mysql-server, not made
// by those who make MySQL and MariaDB. It returns the server's socket and
// record.
func startOther(t *testing.T) (socket, record string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "server")
	build := exec.Command("go", "build", "-o", program, "./server")
	build.Dir, build.Env = "../../demo", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		need.Missing(t, fmt.Sprintf("the demo's server: %v: %s", err, out))
	}
	socket, record = filepath.Join(dir, "mysqld.sock"), filepath.Join(dir, "record.jsonl")
	cmd := exec.Command(program, socket, record)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	until(t, "the server listens", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return socket, record
}

// otherScript is for a server that knows less than MariaDB.
func otherScript(c *mysqlClient) {
	c.query("create database if not exists shop")
	c.ask("init_db", "\x02shop")
	c.ask("init_db", "\x02nowhere")
	c.query("create table if not exists t (i int primary key, s varchar(100), d datetime)")
	c.query("delete from t")
	c.query("insert into t values (1, 'one', '2026-01-02 03:04:05'), (2, null, null), (3, 'ünï', null)")
	c.query("insert into t values (1, 'again', null)")
	c.query("select * from t order by i")
	c.query("select * from t where i > 100")
	c.query("update t set s = 'changed' where i < 3")
	c.query("select nothing from nowhere")
	c.query("selec")
	c.query("begin")
	c.query("rollback")
	c.ask("ping", "\x0e")
	id := c.prepare("select s from t where i = ? or s = ?")
	c.execute(id, true, value{3, "\x01\x00\x00\x00"}, value{253, "\x07changed"})
	c.execute(id, false, value{3, "\x63\x00\x00\x00"}, value{253, "\x07nothing"})
	c.execute(id, true, value{8, "\x03\x00\x00\x00\x00\x00\x00\x00"}, value{253, null})
	c.send("stmt_close", "\x19"+id)
	id = c.prepare("insert into t values (?, ?, null)")
	c.execute(id, true, value{3, "\x0a\x00\x00\x00"}, value{253, "\x06it's a"})
	c.execute(id, false, value{3, "\x0a\x00\x00\x00"}, value{253, "\x09duplicate"})
	c.prepare("select nonsense from nowhere")
	c.ask("unknown", "\x0f")
	c.query("select 'the end'")
	c.send("quit", "\x01")
}

// A server of another make than MariaDB says itself what it was asked and what
// it answered: analyze finds the same.
func TestOtherServer(t *testing.T) {
	needs(t)
	socket, own := startOther(t)
	file := filepath.Join(t.TempDir(), "other.pcapng")
	r := record(t, "-w", file, socket)
	const caps = protocol41 | transactions | secureConn | pluginAuth | connectAttrs | longPassword
	var clients []*mysqlClient
	for _, caps := range []uint64{caps, caps | deprecateEOF} {
		c := dialMySQL(t, socket, caps)
		otherScript(c)
		if _, err := io.Copy(io.Discard, c.conn); err != nil { // until the server has closed it
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	if _, dropped := r.stop(); dropped != 0 {
		t.Fatalf("%d messages dropped", dropped)
	}
	list := exchanges(t, file, "--proto", "mysql")
	for _, c := range clients {
		sameAnswers(t, c, list)
	}
	want := otherRecord(t, own)
	ids := make(map[string]int)
	var got []otherEntry
	for _, x := range list {
		if x.Op == "connect" {
			ids[x.Flow], _ = strconv.Atoi(fmt.Sprint(x.Attrs["connection_id"]))
		}
		switch x.Op {
		case "query", "init_db", "stmt_prepare", "stmt_execute":
			code, _ := strconv.Atoi(x.ErrorCode)
			got = append(got, otherEntry{ids[x.Flow], x.Op, x.Request, x.Args, int(x.Rows), code})
		}
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Fatalf("exchange %d of %d, the server has %d:\n got %v\nwant %v", i, len(got), len(want), got[min(i, len(got)):], want[min(i, len(want)):])
		}
	}
	t.Logf("%d exchanges", len(want))
}

func otherRecord(t *testing.T, name string) (list []otherEntry) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e otherEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}
