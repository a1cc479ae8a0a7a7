package redis

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// play feeds a decoder what a script says: "c:" and "s:" lines are what client
// and server send, "c!" and "s!" that so many bytes are missing.
func play(t *testing.T, script ...string) []string {
	t.Helper()
	var got []string
	d := Protocol.New(func(x *decoders.Exchange) {
		line := x.Op + " " + x.Status.String() + ": " + string(x.Request)
		if x.Status == decoders.Error {
			line += " = " + x.ErrorCode + " " + string(x.Error)
		}
		for _, a := range x.Attrs {
			line += " " + a.Key + "=" + string(a.Value.AppendText(nil))
		}
		got = append(got, line)
	})
	for i, line := range script {
		from := decoders.Client
		if line[0] == 's' {
			from = decoders.Server
		}
		if line[1] == '!' {
			var n int64
			if _, err := fmt.Sscan(line[2:], &n); err != nil {
				t.Fatal(err)
			}
			d.Gap(from, n)
			continue
		}
		d.Data(from, decoders.Mark{Packet: uint64(i + 1)}, []byte(line[2:]))
	}
	d.Close(decoders.Mark{})
	return got
}

func cmd(words string) string { return string(resp(strings.Fields(words)...)) }

func TestDialogue(t *testing.T) {
	for _, test := range []struct {
		name   string
		script []string
		want   []string
	}{
		{"no answer at all", []string{"c:" + cmd("get a")}, []string{"get unanswered: get a"}},
		{"half a command", []string{"c:*3\r\n$3\r\nset\r\n$1\r\na\r\n$5\r\nab"}, []string{"set unanswered: set a"}},
		{"answers to what was not seen", []string{"s:+OK\r\n", "c:" + cmd("get a"), "s:$1\r\nx\r\n"}, []string{"get ok: get a"}},
		{"the rest of an answer", []string{"s:xxx\r\n$1\r\n", "c:" + cmd("get a"), "s:$1\r\nx\r\n"}, []string{"get ok: get a"}},
		{"commands without a name", []string{"c:*0\r\n*-1\r\n" + cmd("ping"), "s:+PONG\r\n"}, []string{`ping ok: ping result="PONG"`}},
		{"a lost answer", []string{"c:" + cmd("get a"), "s!7", "c:" + cmd("get b"), "s:$1\r\ny\r\n"},
			[]string{"get unanswered: get a gap=7", "get ok: get b"}},
		{"a lost part of an answer", []string{"c:" + cmd("get a"), "s:$10\r\nab", "s!5", "s:xyz\r\n", "c:" + cmd("get b"), "s:$1\r\ny\r\n"},
			[]string{"get ok: get a missing_bytes=5", "get ok: get b"}},
		{"a lost command", []string{"c!20", "c:" + cmd("get b"), "s:$1\r\na\r\n", "s:$1\r\nb\r\n", "c:" + cmd("get c"), "s:$-1\r\n"},
			[]string{"get unanswered: get b gap=0", "get ok: get c"}},
		{"an answer that cannot be", []string{"c:" + cmd("get a"), "s::5\r\n", "c:" + cmd("get b"), "s:$1\r\ny\r\n"},
			[]string{"get unanswered: get a out_of_step=0", "get ok: get b"}},
		{"no replies wanted", []string{"c:" + cmd("client reply off") + cmd("set a 1") + cmd("client reply on") + cmd("get a"), "s:+OK\r\n$1\r\n1\r\n"},
			[]string{"client|reply ok: client reply off", "set ok: set a 1", "client|reply ok: client reply on", "get ok: get a"}},
		{"one reply not wanted", []string{"c:" + cmd("client reply skip") + cmd("set a 1") + cmd("get a"), "s:$1\r\n1\r\n"},
			[]string{"client|reply ok: client reply skip", "set ok: set a 1", "get ok: get a"}},
		{"streamed values", []string{"c:" + cmd("get a") + cmd("lrange b 0 -1"), "s:$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n*?\r\n:1\r\n$1\r\nx\r\n.\r\n"},
			[]string{"get ok: get a", "lrange ok: lrange b 0 -1"}},
		{"an attribute before the answer", []string{"c:" + cmd("get a"), "s:|1\r\n+ttl\r\n:3600\r\n$1\r\nx\r\n"}, []string{"get ok: get a"}},
		{"a bulk error", []string{"c:" + cmd("get a"), "s:!21\r\nSYNTAX invalid syntax\r\n"}, []string{"get error: get a = SYNTAX invalid syntax"}},
		{"message between answers", []string{"c:" + cmd("subscribe x"), "s:*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", "c:" + cmd("ping"),
			"s:*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$2\r\nhi\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n"},
			[]string{"subscribe ok: subscribe x", "message ok: message x hi", "ping ok: ping"}},
		{"a list that looks like a message", []string{"c:" + cmd("lrange l 0 -1"), "s:*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$2\r\nhi\r\n"},
			[]string{"lrange ok: lrange l 0 -1"}},
		{"messages after a loss", []string{"c:" + cmd("subscribe x"), "s:*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", "s!30",
			"s:*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$2\r\nhi\r\n"}, []string{"subscribe ok: subscribe x", "message ok: message x hi"}},
		{"too many clients", []string{"s:-ERR max number of clients reached\r\n"}, []string{"connect error:  = ERR max number of clients reached"}},
		{"an invalid name", []string{"c:*1\r\n$2\r\n\xff\xfe\r\n" + cmd("ping"), "s:+PONG\r\n"}, nil},
		{"a password in older MONITOR", []string{"c:" + cmd("monitor"), "s:+OK\r\n+1339518083.107412 [0 1.2.3.4:5] \"config\" \"set\" \"requirepass\" \"pw\"\r\n"},
			[]string{"monitor ok: monitor", `monitored ok: monitored config set requirepass <secret> server_time="1339518083.107412" monitored_database="0" monitored_client="1.2.3.4:5"`}},
		{"SENTINEL SET", []string{"c:" + cmd("sentinel set m auth-pass pw quorum 2"), "s:+OK\r\n"},
			[]string{"sentinel|set ok: sentinel set m auth-pass <secret> quorum 2"}},
		{"AUTH as a user's name", []string{"c:" + cmd("hello 3 auth auth pw setname n"), "s:-ERR\r\n"},
			[]string{"hello error: hello 3 auth auth <secret> setname n = ERR "}},
		{"a field of a secret's name", []string{"c:" + cmd("hset user:1 name joe password geheim a b") + cmd("hsetnx u api_key geheim") + cmd("hmset u a password b geheim"),
			"s::3\r\n:1\r\n+OK\r\n"},
			[]string{"hset ok: hset user:1 name joe password <secret> a b result=3", "hsetnx ok: hsetnx u api_key <secret> result=1", "hmset ok: hmset u a password b geheim"}},
		{"a field without its value", []string{"c:" + cmd("hset u password my geheim")}, []string{"hset unanswered: hset u password <secret> <secret>"}},
		{"fields of a stream", []string{"c:" + cmd("xadd s * user joe token geheim") + cmd("xadd s maxlen ~ 9 1-1 token geheim a b") + cmd("xadd s * token my geheim")},
			[]string{"xadd unanswered: xadd s * user joe token <secret>", "xadd unanswered: xadd s maxlen ~ 9 1-1 token <secret> a b",
				"xadd unanswered: xadd s * token <secret> <secret>"}},
		{"fields that expire", []string{"c:" + cmd("hsetex u ex 60 fields 2 a b token geheim")}, []string{"hsetex unanswered: hsetex u ex 60 fields 2 a b token <secret>"}},
		{"a hash of secrets", []string{"c:" + cmd("hset app:secrets db geheim mail geheim") + cmd("xadd app:secrets * db geheim")},
			[]string{"hset unanswered: hset app:secrets db <secret> mail <secret>", "xadd unanswered: xadd app:secrets * db <secret>"}},
		{"a key of a secret's name", []string{"c:" + cmd("set user:1:password geheim ex 60 nx") + cmd("set user/password my geheim") + cmd("setex app.token 60 geheim") +
			cmd("setex app:token geheim") + cmd("setnx token geheim") + cmd("append a:token geheim") + cmd("smove a:token b geheim")},
			[]string{"set unanswered: set user:1:password <secret> ex 60 nx", "set unanswered: set user/password <secret> <secret>",
				"setex unanswered: setex app.token 60 <secret>", "setex unanswered: setex app:token <secret>", "setnx unanswered: setnx token <secret>",
				"append unanswered: append a:token <secret>", "smove unanswered: smove a:token b <secret>"}},
		{"keys of secrets' names", []string{"c:" + cmd("mset a:token geheim b 1 c:pin 1234") + cmd("lpush a:secret geheim geheim") + cmd("publish auth geheim")},
			[]string{"mset unanswered: mset a:token <secret> b 1 c:pin <secret>", "lpush unanswered: lpush a:secret <secret> <secret>", "publish unanswered: publish auth <secret>"}},
		{"keys of other names", []string{"c:" + cmd("set password:strength 9") + cmd("getrange a:token 0 3") + cmd("expire a:token 60") + cmd("set author joe") + cmd("scan 0 match session:*")},
			[]string{"set unanswered: set password:strength 9", "getrange unanswered: getrange a:token 0 3", "expire unanswered: expire a:token 60",
				"set unanswered: set author joe", "scan unanswered: scan 0 match session:*"}},
		{"a script's key of a secret's name", []string{"c:" + cmd("eval x 2 a:token session:1 geheim") + cmd("eval x 1 a password=geheim")},
			[]string{"eval unanswered: eval x 2 a:token session:1 <secret>", "eval unanswered: eval x 1 a password=<secret>"}},
		{"a path of a module's", []string{"c:" + cmd("json.set user:1 $.password geheim")}, []string{"json.set unanswered: json.set user:1 $.password <secret>"}},
		{"texts with secrets", []string{"c:" + cmd(`set s {"token":"geheim"}`) + cmd(`publish c {"password":"geheim"}`) + cmd("rpush q https://joe:geheim@h/") +
			cmd(`hset h data password=geheim`) + cmd("json.set a $ token:geheim")},
			[]string{`set unanswered: set s "{\"token\":\"<secret>\"}"`, `publish unanswered: publish c "{\"password\":\"<secret>\"}"`,
				"rpush unanswered: rpush q https://joe:<secret>@h/", "hset unanswered: hset h data password=<secret>", "json.set unanswered: json.set a $ token:<secret>"}},
		{"secrets in MONITOR", []string{"c:" + cmd("monitor"), "s:+OK\r\n+1339518083.107412 [0 1.2.3.4:5] \"hset\" \"u\" \"password\" \"geheim\"\r\n" +
			"+1339518083.107412 [0 1.2.3.4:5] \"set\" \"s\" \"{\\\"token\\\":\\\"geheim\\\"}\"\r\n"},
			[]string{"monitor ok: monitor", `monitored ok: monitored hset u password <secret> server_time="1339518083.107412" monitored_database="0" monitored_client="1.2.3.4:5"`,
				`monitored ok: monitored set s "{\"token\":\"<secret>\"}" server_time="1339518083.107412" monitored_database="0" monitored_client="1.2.3.4:5"`}},
		{"secrets in messages", []string{"c:" + cmd("psubscribe *"), "s:*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n" +
			"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$9\r\nnew:token\r\n$6\r\ngeheim\r\n" + "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$15\r\npassword=geheim\r\n"},
			[]string{"psubscribe ok: psubscribe *", "pmessage ok: pmessage * new:token <secret>", "message ok: message c password=<secret>"}},
		{"a message with a part missing", []string{"c:" + cmd("subscribe c"), "s:*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n" +
			"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$17\r\n", "s!10", "s:=geheim\r\n"},
			[]string{"subscribe ok: subscribe c", "message ok: message c <secret> missing_bytes=10"}},
		{"AUTH mistyped", []string{"c:" + cmd("auht geheim"), "s:-ERR unknown command 'auht', with args beginning with: 'geheim' \r\n"},
			[]string{"auht error: auht <secret> = ERR unknown command 'auht', with args beginning with: <secret>"}},
		{"what no server knows", []string{"c:" + cmd("nosuch geheim"), "s:-ERR unknown command 'nosuch', with args beginning with: 'geheim' \r\n"},
			[]string{"nosuch error: nosuch geheim = ERR unknown command 'nosuch', with args beginning with: <secret>"}},
		{"a secret in an error", []string{"c:" + cmd("eval x 0") + cmd("hset a token geheim b"), "s:-ERR at 1: password=geheim\r\n-ERR no 'geheim'\r\n"},
			[]string{"eval error: eval x 0 = ERR at 1: password=<secret>", "hset error: hset a token <secret> <secret> = ERR no '<secret>'"}},
		{"AUTH without a name", []string{"c:" + cmd("hello 3 auth pw"), "s:-ERR\r\n"}, []string{"hello error: hello 3 auth <secret> = ERR "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := play(t, test.script...)
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestHugeValue wants a value of 512 MB, which is legal, to be cut, counted and
// passed over.
func TestHugeValue(t *testing.T) {
	const size = 512 << 20
	var got []decoders.Exchange
	d := Protocol.New(func(x *decoders.Exchange) { got = append(got, decodertest.Clone(x)) })
	var before, after runtime.MemStats
	chunk := bytes.Repeat([]byte{'x'}, 1<<20)
	runtime.ReadMemStats(&before)
	d.Data(decoders.Client, decoders.Mark{}, fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n", size))
	for range size / len(chunk) {
		d.Data(decoders.Client, decoders.Mark{}, chunk)
	}
	d.Data(decoders.Client, decoders.Mark{}, []byte("\r\n"+cmd("get a")))
	d.Data(decoders.Server, decoders.Mark{}, fmt.Appendf(nil, "+OK\r\n$%d\r\n", size))
	for range size / len(chunk) {
		d.Data(decoders.Server, decoders.Mark{}, chunk)
	}
	d.Data(decoders.Server, decoders.Mark{}, []byte("\r\n"))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated", n)
	}
	if len(got) != 2 || got[0].Status != decoders.OK || got[1].Answered.Bytes != size+int64(len("$536870912\r\n\r\n")) {
		t.Fatalf("%+v", got)
	}
	if cut := got[0].Attrs[0]; cut.Key != "truncated_bytes" || cut.Value.Int()+int64(len(got[0].Request)) != size+int64(len("SET a ")) {
		t.Errorf("%d bytes of the request, %s %d", len(got[0].Request), cut.Key, cut.Value.Int())
	}
}

// TestBounded sends ahead without end to a server that is not recorded, and
// then has it answer after all.
func TestBounded(t *testing.T) {
	status := map[decoders.Status]int{}
	d := Protocol.New(func(x *decoders.Exchange) { status[x.Status]++ })
	command := resp("SET", "key:1", strings.Repeat("x", 10_000))
	const n = maxPending + 1000
	for range n {
		d.Data(decoders.Client, decoders.Mark{}, command)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d bytes held", m.HeapAlloc)
	}
	for range n {
		d.Data(decoders.Server, decoders.Mark{}, []byte("+OK\r\n"))
	}
	if status[decoders.Unanswered] != 1000 || status[decoders.OK] != maxPending {
		t.Errorf("%v", status)
	}
}

// TestDeep sends what is nested without end.
func TestDeep(t *testing.T) {
	d := Protocol.New(func(*decoders.Exchange) {})
	d.Data(decoders.Client, decoders.Mark{}, []byte(cmd("eval x 0")))
	for range 1 << 20 {
		d.Data(decoders.Server, decoders.Mark{}, []byte("*1\r\n"))
	}
	if n := cap(d.(*decoder).reply.stack); n > 2*maxDepth {
		t.Errorf("%d levels", n)
	}
}
