package fileset

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"unixcap/internal/need"

	"github.com/google/go-cmp/cmp"
)

// The names that a set's files have one after the other: f is a full file, t
// one whose time is over. Each begins a minute after the one before, except
// that with tcpdump's rules only time moves time on.
func TestNames(t *testing.T) {
	begin := time.Date(2026, 1, 31, 23, 58, 30, 0, time.Local)
	for _, tt := range []struct {
		name        string
		file        string
		rotation    Rotation
		compression Compression
		steps       string
		want        string
	}{
		{"one file", "x.pcapng", Rotation{}, Plain, "", "x.pcapng"},
		{"one compressed file", "x.pcapng", Rotation{}, Zstd, "", "x.pcapng.zst"},
		{"one that has the suffix", "x.pcapng.gz", Rotation{}, Gzip, "", "x.pcapng.gz"},
		{"another suffix", "x.zst", Rotation{}, Gzip, "", "x.zst.gz"},
		{"no time without -G", "x%H", Rotation{Size: 1}, Plain, "f", "x%H x%H1"},
		{"-C", "x.pcap", Rotation{Size: 1}, Plain, "fff", "x.pcap x.pcap1 x.pcap2 x.pcap3"},
		{"-C -z", "x.pcap.gz", Rotation{Size: 1}, Gzip, "ff", "x.pcap.gz x.pcap1.gz x.pcap2.gz"},
		{"-C -W 3", "x", Rotation{Size: 1, Files: 3}, Plain, "fff", "x0 x1 x2 x0"},
		{"-C -W 1", "x", Rotation{Size: 1, Files: 1}, Plain, "ff", "x x x"},
		{"-C -W 10", "x", Rotation{Size: 1, Files: 10}, Plain, "f", "x0 x1"},
		{"-C -W 11", "x", Rotation{Size: 1, Files: 11}, Plain, "ffffffffff f", "x00 x01 x02 x03 x04 x05 x06 x07 x08 x09 x10 x00"},
		{"-C -W 1000", "x", Rotation{Size: 1, Files: 1000}, Plain, "f", "x000 x001"},
		{"-G", "x_%H%M%S.pcap", Rotation{Every: 1}, Plain, "ttt", "x_235830.pcap x_235930.pcap x_000030.pcap x_000130.pcap"},
		{"-G without time", "x", Rotation{Every: 1}, Plain, "t", "x x"},
		{"-G -W 2", "x%M", Rotation{Every: 1, Files: 2}, Plain, "tt", "x58 x59 end"},
		{"-G -C", "x%M", Rotation{Every: 1, Size: 1}, Plain, "fftf", "x58 x581 x582 x59 x591"},
		{"-G -C -W 2", "x%M", Rotation{Every: 1, Size: 1, Files: 2}, Plain, "fftftt", "x580 x581 x580 x590 x591 x000 x010"},
		{"-b", "d.x/out.pcapng", Rotation{Size: 1, Numbered: true}, Plain, "f",
			"d.x/out_00001_20260131235830.pcapng d.x/out_00002_20260131235930.pcapng"},
		{"-b, no suffix", "d.x/out", Rotation{Size: 1, Numbered: true}, Plain, "", "d.x/out_00001_20260131235830"},
		{"-b -z", "out.pcapng", Rotation{Size: 1, Numbered: true}, Gzip, "", "out_00001_20260131235830.pcapng.gz"},
		{"-b files", "o", Rotation{Size: 1, Numbered: true, Files: 2}, Plain, "ft",
			"o_00001_20260131235830 o_00002_20260131235930 o_00003_20260201000030"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := newNames(tt.file, tt.rotation, tt.compression)
			if err != nil {
				t.Fatal(err)
			}
			at := begin
			var got []string
			add := func() {
				name, err := n.at(at)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, name)
			}
			add()
			for _, step := range strings.ReplaceAll(tt.steps, " ", "") {
				if step == 't' || tt.rotation.Numbered {
					at = at.Add(time.Minute)
				}
				if !n.next(step == 't') {
					got = append(got, "end")
					break
				}
				add()
			}
			if d := cmp.Diff(strings.Fields(tt.want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNumberWraps(t *testing.T) {
	n, err := newNames("x", Rotation{Size: 1, Numbered: true}, Plain)
	if err != nil {
		t.Fatal(err)
	}
	n.number = 99999
	n.next(false)
	if name, err := n.at(time.Now()); err != nil || !strings.HasPrefix(name, "x_00000_") {
		t.Errorf("%s, %v: want x_00000_…", name, err)
	}
}

// date(1) has the C library's conversions.
func TestTimeAsDate(t *testing.T) {
	need.Programs(t, "date")
	const conversions = "aAbBcCdDeFgGhHIjmMprRsStTuUVwWxXyYzZ%"
	var format strings.Builder
	for _, c := range conversions {
		format.WriteString("%" + string(c) + "|")
	}
	format.WriteString("%Ey %Od text")
	for day := range 800 {
		if day > 20 && day < 350 || day > 380 && day < 720 {
			continue // the weeks about the turn of the year are what is hard
		}
		at := time.Date(2023, 12, 20+day, 13, 4, 5, 0, time.Local)
		got, err := appendTime(format.String(), at)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("date", "-d", "@"+strconv.FormatInt(at.Unix(), 10), "+"+format.String())
		cmd.Env = append(cmd.Environ(), "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(string(out), "\n"); got != want {
			t.Errorf("%v:\n got %q\nwant %q", at, got, want)
		}
	}
}

func TestTimeRefused(t *testing.T) {
	for _, format := range []string{"%", "x%", "%E", "%Q", "%i", "%-d", "%1d", "a%%%"} {
		if s, err := appendTime(format, time.Now()); err == nil {
			t.Errorf("%q gives %q", format, s)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"1": 1000000, "20": 20000000, "1k": 1024, "3K": 3072, "2m": 2 << 20, "2M": 2 << 20, "1g": 1 << 30, "1G": 1 << 30,
		"0": 0, "": 0, "k": 0, "-1": 0, "+1": 0, "1kb": 0, "1.5": 0, "9223372036854": 9223372036854000000, "9223372036855": 0,
		"99999999999999999999": 0, "9999999999g": 0,
	} {
		got, err := ParseSize(s)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
	}
}

func TestParseCriterion(t *testing.T) {
	for s, want := range map[string]Rotation{
		"filesize:100":   {Size: 100000},
		"duration:3600":  {Every: time.Hour},
		"duration:0.5":   {Every: time.Second / 2},
		"packets:7":      {Packets: 7},
		"files:99999":    {Files: 99999},
		"files:100000":   {},
		"files:0":        {},
		"duration:0":     {},
		"duration:NaN":   {},
		"duration:-1":    {},
		"duration:1e300": {},
		"packets:":       {},
		"packets":        {},
		"interval:1":     {},
		"":               {},
	} {
		var got Rotation
		err := got.ParseCriterion(s)
		wrong := want == Rotation{}
		want.Numbered = true
		if got != want || (err != nil) != wrong {
			t.Errorf("%q: %+v, %v; want %+v", s, got, err, want)
		}
	}
}
