package redis

import "strings"

// Where a command has its keys.
type keySpec struct {
	first int // argument, 0 if there is none; the command itself is 0
	last  int // counted from the end if it is negative
	step  int
	count int    // argument with the number of keys behind it
	after string // the word behind which the keys are
}

// Types that a command's answer may have, beside errors, null and what a
// transaction answers.
const (
	anyReply     = 0
	simpleReply  = 1 << iota // a simple string
	integerReply             // an integer, or RESP3's boolean
	bulkReply                // a bulk string, or RESP3's other scalars
	manyReply                // an aggregate
)

// A command is what is known of one.
type command struct {
	name      string // as INFO commandstats has it
	keys      keySpec
	reply     uint8
	container bool // its first argument belongs to its name
	role      role
	values    values
	hides     bool // some of its arguments may be secret, or have secrets in them
}

// A role is what a command does to the connection, or may hide.
type role uint8

const (
	roleNone role = iota
	roleAuth
	roleHello
	roleACL
	roleConfig // also SENTINEL: names and values
	roleMigrate
	roleSelect
	roleSubscribe // also unsubscribe: an answer for each channel
	rolePing
	roleReset
	roleQuit
	roleMulti
	roleExec
	roleDiscard
	roleMonitor
	roleReplicate
	roleClient
	roleEval
	roleMistyped
)

var (
	noKeys    = keySpec{}
	oneKey    = keySpec{first: 1, last: 1, step: 1}
	twoKeys   = keySpec{first: 1, last: 2, step: 1}
	allKeys   = keySpec{first: 1, last: -1, step: 1}
	butLast   = keySpec{first: 1, last: -2, step: 1}
	pairs     = keySpec{first: 1, last: -1, step: 2}
	secondKey = keySpec{first: 2, last: 2, step: 1}
	thirdKey  = keySpec{first: 3, last: 3, step: 1}
	fromTwo   = keySpec{first: 2, last: -1, step: 1}
	counted1  = keySpec{count: 1}
	counted2  = keySpec{count: 2}
	intoCount = keySpec{first: 1, last: 1, step: 1, count: 2}
	streams   = keySpec{after: "streams"}
)

// commandTable has the commands of Redis 7 and Valkey 8, those of one form
// together.
var commandTable = []struct {
	keys  keySpec
	reply uint8
	role  role
	names string
}{
	{oneKey, simpleReply, 0, "psetex setex lset ltrim hmset type restore restore-asking"},
	{oneKey, simpleReply | bulkReply, 0, "set"},
	{oneKey, integerReply, 0, "append bitcount bitpos decr decrby expire expireat expiretime getbit hdel hexists hincrby hlen hset hsetnx " +
		"hstrlen incr incrby linsert llen lpush lpushx lrem move persist pexpire pexpireat pexpiretime pttl pfadd rpush " +
		"rpushx sadd scard setbit setnx setrange sismember srem strlen ttl xack xdel xlen xtrim zcard zcount zlexcount zrem " +
		"zremrangebylex zremrangebyrank zremrangebyscore spublish"},
	{oneKey, bulkReply, 0, "get getdel getex getrange getset hget hincrbyfloat incrbyfloat lindex substr zscore dump geodist xadd"},
	{oneKey, manyReply, 0, "hgetall hkeys hvals hmget lrange smembers smismember xrange xrevrange hscan sscan zscan bitfield bitfield_ro " +
		"geohash geopos zmscore zpopmax zpopmin"},
	{oneKey, anyReply, 0, "geoadd georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch hrandfield lpop lpos rpop sort " +
		"sort_ro spop srandmember xautoclaim xclaim xpending xsetid zadd zincrby zrandmember zrange zrangebylex " +
		"zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank " +
		"hexpire hpexpire hexpireat hpexpireat hexpiretime hpexpiretime hpersist httl hpttl hgetdel hgetex hsetex delifeq"},
	{allKeys, integerReply, 0, "del exists unlink touch pfcount sdiffstore sinterstore sunionstore"},
	{allKeys, manyReply, 0, "mget sdiff sinter sunion"},
	{allKeys, simpleReply, 0, "watch pfmerge"},
	{allKeys, anyReply, roleSubscribe, "subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe"},
	{pairs, simpleReply | integerReply, 0, "mset msetnx"},
	{butLast, anyReply, 0, "blpop brpop bzpopmin bzpopmax"},
	{twoKeys, anyReply, 0, "rename renamenx rpoplpush brpoplpush lmove blmove smove copy geosearchstore lcs zrangestore"},
	{counted1, anyReply, 0, "lmpop zmpop sintercard zinter zintercard zunion zdiff"},
	{counted2, anyReply, 0, "blmpop bzmpop fcall fcall_ro"},
	{counted2, anyReply, roleEval, "eval eval_ro evalsha evalsha_ro"},
	{intoCount, anyReply, 0, "zunionstore zinterstore zdiffstore"},
	{streams, anyReply, 0, "xread xreadgroup"},
	{fromTwo, integerReply, 0, "bitop"},
	{oneKey, integerReply, 0, "publish"},
	{oneKey, anyReply, 0, "keys"},
	{thirdKey, anyReply, roleMigrate, "migrate"},
	{secondKey, anyReply, 0, "pfdebug"},
	{noKeys, simpleReply, roleAuth, "auth"},
	{noKeys, anyReply, roleHello, "hello"},
	{noKeys, simpleReply, roleSelect, "select"},
	{noKeys, anyReply, rolePing, "ping"},
	{noKeys, simpleReply, roleReset, "reset"},
	{noKeys, simpleReply, roleQuit, "quit"},
	{noKeys, manyReply, roleExec, "exec"},
	{noKeys, simpleReply, roleMulti, "multi"},
	{noKeys, simpleReply, roleDiscard, "discard"},
	{noKeys, simpleReply, roleMonitor, "monitor"},
	{noKeys, anyReply, roleReplicate, "sync psync"},
	{noKeys, simpleReply, 0, "unwatch flushall flushdb swapdb asking readonly readwrite slaveof replicaof failover bgsave bgrewriteaof save"},
	{noKeys, integerReply, 0, "dbsize lastsave wait"},
	{noKeys, bulkReply, 0, "echo info lolwut randomkey"},
	{noKeys, manyReply, 0, "scan role time"},
	{noKeys, anyReply, 0, "replconf shutdown debug pfselftest waitaof"},
}

// containerTable has the commands whose first argument is part of the name.
var containerTable = []struct {
	role     role
	name     string
	plain    string // subcommands without a key
	withAKey string
}{
	{roleACL, "acl", "cat deluser dryrun genpass getuser help list load log save setuser users whoami", ""},
	{roleClient, "client", "caching capa getname getredir help id import-source info kill list no-evict no-touch pause reply setinfo setname tracking trackinginfo unblock unpause", ""},
	{0, "cluster", "addslots addslotsrange bumpepoch count-failure-reports countkeysinslot delslots delslotsrange failover flushslots forget getkeysinslot help info keyslot links meet myid myshardid nodes replicas replicate reset saveconfig set-config-epoch setslot shards slaves slot-stats slots", ""},
	{0, "command", "count docs getkeys getkeysandflags help info list", ""},
	{roleConfig, "config", "get help resetstat rewrite set", ""},
	{0, "function", "delete dump flush help kill list load restore stats", ""},
	{0, "latency", "doctor graph help histogram history latest reset", ""},
	{0, "memory", "doctor help malloc-stats purge stats", "usage"},
	{0, "module", "help list load loadex unload", ""},
	{0, "object", "help", "encoding freq idletime refcount"},
	{0, "pubsub", "help numpat", "channels numsub shardchannels shardnumsub"},
	{0, "script", "debug exists flush help kill load show", ""},
	{roleConfig, "sentinel", "ckquorum config debug failover flushconfig get-master-addr-by-name help info-cache is-master-down-by-addr master masters monitor myid pending-scripts primaries primary remove replicas reset sentinels set simulate-failure slaves", ""},
	{0, "slowlog", "get help len reset", ""},
	{0, "xgroup", "help", "create createconsumer delconsumer destroy setid"},
	{0, "xinfo", "help", "consumers groups stream"},
}

// commands has every known command by its name in lower case.
var commands = makeCommands()

func makeCommands() map[string]*command {
	m := make(map[string]*command, 512)
	for _, row := range commandTable {
		for name := range strings.FieldsSeq(row.names) {
			m[name] = &command{name: name, keys: row.keys, reply: row.reply, role: row.role}
		}
	}
	for _, row := range containerTable {
		m[row.name] = &command{name: row.name, container: true, role: row.role}
		for sub := range strings.FieldsSeq(row.plain) {
			m[row.name+"|"+sub] = &command{name: row.name + "|" + sub, container: true, role: row.role}
		}
		for sub := range strings.FieldsSeq(row.withAKey) {
			m[row.name+"|"+sub] = &command{name: row.name + "|" + sub, container: true, role: row.role, keys: secondKey}
		}
	}
	addValues(m)
	for _, k := range m {
		k.hides = k.role != roleNone || k.values.form != noValues
	}
	return m
}

// unknownCommand is one that is not in the table: of a module, or mistyped.
// Modules have the key first. mistypedAuth is one that may be meant as AUTH.
var (
	unknownCommand = command{keys: oneKey, values: values{form: behindNames, first: 1}, hides: true}
	mistypedAuth   = command{keys: oneKey, role: roleMistyped, hides: true}
)

// commandOf returns the command of a name in lower case, whether there is one or not.
func commandOf(name []byte) *command {
	switch k := commands[string(name)]; {
	case k != nil:
		return k
	case isAlmost(name, "auth"):
		return &mistypedAuth
	}
	return &unknownCommand
}

// isAlmost says whether a letter more, a letter less, another letter, or two that
// changed places make one of two words of the other.
func isAlmost(word []byte, other string) bool {
	long, short := len(word), len(other)
	if long < short {
		long, short = short, long
	}
	begin, end := 0, 0
	for begin < short && word[begin] == other[begin] {
		begin++
	}
	for end < short-begin && word[len(word)-1-end] == other[len(other)-1-end] {
		end++
	}
	differ := long - begin - end
	return differ <= 1 || differ == 2 && long == short && word[begin] == other[begin+1] && word[begin+1] == other[begin]
}

// unnamed is the operation of what cannot be a command's name.
const unnamed = "unknown"

// maxName is longer than the name of any command.
const maxName = 64

// appendLower appends b in lower case, at most maxName bytes.
func appendLower(dst, b []byte) []byte {
	for _, c := range b[:min(len(b), maxName)] {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// plausibleName says whether b can be the name of a command.
func plausibleName(b []byte) bool {
	if len(b) == 0 || len(b) > maxName {
		return false
	}
	letter := false
	for _, c := range b {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letter = true
		case c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return letter
}
