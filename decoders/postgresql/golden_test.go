package postgresql

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"unixcap/decoders/decodertest"
)

// The conversations in testdata.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "psql", Shows: "psql: text results, several statements in one query, notices, errors, a transaction that fails", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		return s.psql(t, `create table g (id int primary key, name text);
insert into g values (1, 'one'), (2, null);
select * from g;
select 1\; select 2\; update g set name = 'x';
drop table if exists nothing;
insert into g values (1, 'again');
begin;
select nonsense;
select 1;
rollback;
select repeat('x', 20000);

;
delete from g where id > 5;
do $$begin raise notice 'hello'; end$$;
drop table g;
`)
	})},
	{Name: "copy", Shows: "psql: COPY in, out, failed", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		return s.psql(t, "create table c (a int, b text);\ncopy c from stdin;\n1\tone\n2\ttwo\n\\.\ncopy c to stdout;\ncopy c from stdin;\nbad\tline\n\\.\nselect count(*) from c;\ndrop table c;\n")
	})},
	{Name: "denied", Shows: "a wrong password, SCRAM", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		s.psql(t, "create role sam login password 'right'")
		return s.psql(t, "select 1", "-U", "sam")
	})},
	{Name: "scram", Shows: "the right password, SCRAM", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		s.psql(t, "drop role if exists sam")
		s.psql(t, "create role sam login password 'topsecret'")
		return s.psql(t, "select 1", "-U", "sam")
	})},
	{Name: "cleartext", Shows: "a password in clear text", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		s.psql(t, "drop role if exists tom")
		s.psql(t, "create role tom login password 'topsecret'")
		return s.psql(t, "select 1", "-U", "tom")
	})},
	{Name: "refused_ssl", Shows: "the server refuses TLS and GSSAPI", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		return []decodertest.Conversation{s.speak(t, func(c net.Conn) { refusals(t, c) })}
	})},
	{Name: "prepared", Shows: "pgbench, prepared statements", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		s.run(t, "", "pgbench", "-i", "-q", "-I", "dtg")
		return s.run(t, "", "pgbench", "-n", "-M", "prepared", "-t", "3")
	})},
	{Name: "extended", Shows: "pgbench, the extended protocol", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		s.run(t, "", "pgbench", "-i", "-q", "-I", "dtg")
		return s.run(t, "", "pgbench", "-n", "-M", "extended", "-t", "3")
	})},
	{Name: "pipeline", Shows: "pgbench, a pipeline of statements sent ahead", Slack: 2, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		return s.run(t, "\\startpipeline\nselect 1;\nselect 2;\n\\endpipeline\n", "pgbench", "-n", "-M", "extended", "-t", "3", "-f", "-")
	})},
	{Name: "binary", Shows: "values of all types, text and binary, portals, errors in the extended protocol", Slack: 3, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		return []decodertest.Conversation{s.speak(t, func(c net.Conn) { binaryClient(t, c) })}
	})},
	{Name: "copy_extended", Shows: "COPY in the extended protocol, which takes a second Sync", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		s.psql(t, "create table if not exists e (a int)")
		return []decodertest.Conversation{s.speak(t, func(c net.Conn) { copyClient(t, c) })}
	})},
	{Name: "notify", Shows: "LISTEN and NOTIFY", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		return s.psql(t, "listen news;\nnotify news, 'hello';\nselect 1;\n")
	})},
	{Name: "replication", Shows: "a client of logical replication", Slack: 1, Make: from(func(t *testing.T, s *testServer) []decodertest.Conversation {
		s.psql(t, "create table if not exists r (a int); select pg_create_logical_replication_slot('slot', 'test_decoding')")
		s.psql(t, "insert into r values (1); insert into r values (2)")
		return s.run(t, "", "timeout", "-s", "INT", "2", "pg_recvlogical", "-d", "postgres", "-S", "slot", "--start", "-f", "-", "--no-loop")
	})},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }
func FuzzDetect(f *testing.F) {
	decodertest.FuzzDetect(f, Protocol, [2]string{"Q\x00\x00\x00\x0dselect 1\x00", "Z\x00\x00\x00\x05I"},
		[2]string{"\x00\x00\x00\x08\x04\xd2\x16\x2f", "N"})
}

// from has a conversation come from the server that the tests share.
func from(say func(*testing.T, *testServer) []decodertest.Conversation) func(*testing.T) []decodertest.Conversation {
	return func(t *testing.T) []decodertest.Conversation { return say(t, server(t)) }
}

func refusals(t *testing.T, c net.Conn) {
	f := pgproto3.NewFrontend(c, c)
	answer := make([]byte, 1)
	for _, m := range []pgproto3.FrontendMessage{&pgproto3.GSSEncRequest{}, &pgproto3.SSLRequest{}} {
		f.Send(m)
		flush(t, f)
		if _, err := c.Read(answer); err != nil || answer[0] != 'N' {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	begin(t, f)
	f.Send(&pgproto3.Query{String: "select 1"})
	flush(t, f)
	untilReady(t, f)
	f.Send(&pgproto3.Terminate{})
	flush(t, f)
}

func begin(t *testing.T, f *pgproto3.Frontend) {
	t.Helper()
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "postgres"}})
	flush(t, f)
	untilReady(t, f)
}

func flush(t *testing.T, f *pgproto3.Frontend) {
	t.Helper()
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
}

// untilReady reads up to a ReadyForQuery.
func untilReady(t *testing.T, f *pgproto3.Frontend) {
	t.Helper()
	until(t, f, func(m pgproto3.BackendMessage) bool {
		_, ok := m.(*pgproto3.ReadyForQuery)
		return ok
	})
}

func until(t *testing.T, f *pgproto3.Frontend, last func(pgproto3.BackendMessage) bool) {
	t.Helper()
	for {
		m, err := f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if last(m) {
			return
		}
	}
}

// copyClient copies in by the extended protocol, as libpq does: once well, once
// with an error, once given up.
func copyClient(t *testing.T, c net.Conn) {
	f := pgproto3.NewFrontend(c, c)
	begin(t, f)
	for i, data := range []string{"1\n2\n", "bad\n", "3\n"} {
		var end pgproto3.FrontendMessage = &pgproto3.CopyDone{}
		if i == 2 {
			end = &pgproto3.CopyFail{Message: "no more"}
		}
		f.Send(&pgproto3.Parse{Query: "copy e from stdin"})
		f.Send(&pgproto3.Bind{})
		f.Send(&pgproto3.Execute{})
		f.Send(&pgproto3.Sync{})
		flush(t, f)
		until(t, f, func(m pgproto3.BackendMessage) bool { _, ok := m.(*pgproto3.CopyInResponse); return ok })
		f.Send(&pgproto3.CopyData{Data: []byte(data)})
		f.Send(end)
		f.Send(&pgproto3.Sync{})
		flush(t, f)
		untilReady(t, f)
		f.Send(&pgproto3.Query{String: "select count(*) from e"})
		flush(t, f)
		untilReady(t, f)
	}
	f.Send(&pgproto3.Terminate{})
	flush(t, f)
}

// binaryClient does what drivers do that use the binary format.
func binaryClient(t *testing.T, c net.Conn) {
	f := pgproto3.NewFrontend(c, c)
	begin(t, f)
	send := func(all ...pgproto3.FrontendMessage) {
		for _, m := range all {
			f.Send(m)
		}
		f.Send(&pgproto3.Sync{})
		flush(t, f)
		untilReady(t, f)
	}
	const all = "select $1::int2, $2::int4, $3::int8, $4::float4, $5::float8, $6::bool, $7::numeric, $8::date, $9::time, $10::timestamp, $11::timestamptz, $12::uuid, $13::jsonb, $14::bytea, $15::text, $16::int4[], $17::oid, $18::numeric"
	send(&pgproto3.Parse{Name: "all", Query: all}, &pgproto3.Describe{ObjectType: 'S', Name: "all"})
	values := []string{"\xff\xfe", "\x00\x00\x00\x07", "\x00\x00\x00\x01\x00\x00\x00\x00", "\x3d\xcc\xcc\xcd", "\x40\x09\x21\xfb\x54\x44\x2d\x18", "\x01",
		"\x00\x03\x00\x01\x40\x00\x00\x02\x00\x01\x09\x29\x15\xe0", "\x00\x00\x25\x29", "\x00\x00\x00\x0a\x0f\x0d\x9a\x40", "\x00\x02\xf0\x10\x00\x00\x00\x01", "\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", "\x01{\"a\": 1}", "\x00\xff", "häßlich", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x17", "\x00\x00\x04\xd2",
		"\x00\x01\xff\xfe\x00\x00\x00\x06\x00\x0c"}
	bind := &pgproto3.Bind{PreparedStatement: "all", ParameterFormatCodes: []int16{1}}
	for _, v := range values {
		bind.Parameters = append(bind.Parameters, []byte(v))
	}
	send(bind, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{})
	mixed := &pgproto3.Bind{PreparedStatement: "mix", ParameterFormatCodes: []int16{0, 1}, Parameters: [][]byte{[]byte("12"), nil}}
	send(&pgproto3.Parse{Name: "mix", Query: "select $1::int, $2::int", ParameterOIDs: []uint32{23, 23}}, mixed, &pgproto3.Execute{})
	// A portal that is executed in pieces, in a transaction.
	send(&pgproto3.Parse{Query: "begin"}, &pgproto3.Bind{}, &pgproto3.Execute{},
		&pgproto3.Parse{Name: "gen", Query: "select generate_series(1, $1::int)"}, &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "gen", Parameters: [][]byte{[]byte("5")}},
		&pgproto3.Describe{ObjectType: 'P', Name: "p"}, &pgproto3.Execute{Portal: "p", MaxRows: 2})
	send(&pgproto3.Execute{Portal: "p", MaxRows: 2})
	send(&pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Close{ObjectType: 'P', Name: "p"})
	send(&pgproto3.Parse{Query: "commit"}, &pgproto3.Bind{}, &pgproto3.Execute{})
	// Errors in each step, and what the server passes over behind them.
	send(&pgproto3.Parse{Query: "selec 1"}, &pgproto3.Bind{}, &pgproto3.Execute{})
	send(&pgproto3.Parse{Name: "gen", Query: "select 'a second one'"}, &pgproto3.Bind{PreparedStatement: "gen", Parameters: [][]byte{[]byte("1")}}, &pgproto3.Execute{})
	send(&pgproto3.Bind{PreparedStatement: "nobody"}, &pgproto3.Execute{}, &pgproto3.Parse{Query: "select 2"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Close{ObjectType: 'S', Name: "mix"})
	send(&pgproto3.Bind{PreparedStatement: "mix", Parameters: [][]byte{[]byte("x"), nil}}, &pgproto3.Execute{})
	send(&pgproto3.Bind{PreparedStatement: "gen", Parameters: [][]byte{[]byte("1")}}, &pgproto3.Execute{})
	send(&pgproto3.Parse{Query: "copy (select 1) to stdout"}, &pgproto3.Bind{}, &pgproto3.Execute{})
	// One message a time.
	f.Send(&pgproto3.Parse{Query: "select 3"})
	f.Send(&pgproto3.Flush{})
	flush(t, f)
	until(t, f, func(m pgproto3.BackendMessage) bool { _, ok := m.(*pgproto3.ParseComplete); return ok })
	f.Send(&pgproto3.Bind{})
	f.Send(&pgproto3.Flush{})
	flush(t, f)
	until(t, f, func(m pgproto3.BackendMessage) bool { _, ok := m.(*pgproto3.BindComplete); return ok })
	send(&pgproto3.Execute{})
	send(&pgproto3.Close{ObjectType: 'S', Name: "gen"})
	f.Send(&pgproto3.FunctionCall{Function: 1598, ArgFormatCodes: nil, Arguments: nil, ResultFormatCode: 0}) // random()
	flush(t, f)
	untilReady(t, f)
	f.Send(&pgproto3.Terminate{})
	flush(t, f)
}
