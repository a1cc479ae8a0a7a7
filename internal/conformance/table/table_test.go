package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	lines := func(kernel, backend string, rows ...string) string {
		var b strings.Builder
		b.WriteString("[    0.1] some other line of the console\r\n")
		for _, r := range rows {
			b.WriteString(strings.Join([]string{"check", kernel, "amd64", backend, strings.ReplaceAll(r, "; ", "\t")}, "\t") + "\r\n")
		}
		return b.String()
	}
	table := newTable()
	err := table.read("Debian trixie", lines("6.12.3-cloud", "fentry",
		"call; stream; write; exact; ; ok", "call; stream; send; exact; ; ok",
		"call; dgram; write; exact; ; ok", "call; dgram; send; exact; ; ok",
		"ring; stream; ring zc; refused EINVAL; no zc; ok", "ring; stream; splice; exact; ; FAIL: byte 3")+
		"preempt\t6.12.3-cloud\tamd64\tnone (voluntary) full\nbackend\t6.12.3-cloud\tamd64\tfentry\tfail: a|b\n"+
		"program\t6.12.3-cloud\tamd64\tfentry\tfexit/f\tf_0\t62\nprogram\t6.12.3-cloud\tamd64\tfentry\tfexit/f\tf_1\t63\n"+
		"program\t6.12.3-cloud\tamd64\tkprobe --btf\tkprobe/f\tf\t7\n")
	if err != nil {
		t.Fatal(err)
	}
	err = table.read("host", lines("6.18", "tracepoint",
		"call; stream; write; exact; ; ok", "call; dgram; write; flagged; no registers; ok",
		"call; stream; send; exact; ; ok", "call; dgram; send; flagged; no registers; ok")+
		"program\t6.18\tamd64\ttracepoint\ttp_btf/t\tt\t8\ncost\t6.18\tamd64\ttracepoint\ttp_btf/t\tt\t1.00\t345\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := replace("before\n<!-- results of a test -->\nold\n<!-- end -->\nafter\n", table.String())
	if err != nil {
		t.Fatal(err)
	}
	const want = `before
<!-- results of a test -->
| kernel | where | backend | result |
| --- | --- | --- | --- |
| 6.12.3-cloud | Debian trixie, amd64, preemption voluntary | fentry | fail: a\|b |

| path | sockets | 6.12 fentry | 6.18 host tracepoint |
| --- | --- | --- | --- |
| *call*: write · send | stream | ✓ | ✓ |
| *call*: write · send | dgram | ✓ | length [2] |
| *ring*: zc | stream | EINVAL [1] | – |
| *ring*: splice | stream | **wrong** | – |

1. no zc
2. no registers

Instructions that the verifier goes through, of each program once:

| backend | program | 6.12 | 6.18 host |
| --- | --- | ---: | ---: |
| fentry | fexit/f | 62 | – |
| tracepoint | tp_btf/t | – | 8 |

What a message of 64 B that is sent and received costs, as the kernel counts it (sysctl kernel.bpf_stats_enabled):

| kernel | backend | program | runs | ns |
| --- | --- | --- | ---: | ---: |
| 6.18 host | tracepoint | tp_btf/t | 1.00 | 345 |
<!-- end -->
after
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := table.read("host", "check\ttoo\tshort\n"); err == nil {
		t.Error("a line with too few fields was taken")
	}
	if _, err := replace("no marks", ""); err == nil {
		t.Error("a document without marks was taken")
	}
}
