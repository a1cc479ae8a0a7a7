package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exposureMax is what `systemd-analyze security` may give the unit, of 10.
const exposureMax = 1.2

const root = "../.."

// installed returns a folder into which everything is installed.
func installed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	install(t, dir)
	return dir
}

// install installs into a folder, and nothing elsewhere: what is for Wireshark would
// go where that looks.
func install(t *testing.T, dir string) {
	t.Helper()
	run(t, "make", "-s", "-C", root, "install", "PREFIX="+dir, "SYSCONFDIR="+dir+"/etc",
		"WIRESHARK_EXTCAP="+dir+"/extcap", "WIRESHARK_PLUGINS="+dir+"/plugins", "WIRESHARK_DATA="+dir+"/data")
}

func TestUnitInstalls(t *testing.T) {
	needs(t, "make", "systemd-analyze")
	dir := installed(t)
	unit := filepath.Join(dir, "lib/systemd/system/unixcap-record.service")
	if out, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	text, err := os.ReadFile(unit)
	if err != nil || strings.Contains(string(text), "@prefix@") || strings.Contains(string(text), "@sysconfdir@") {
		t.Errorf("%v\n%s", err, text)
	}
	settings := filepath.Join(dir, "etc/default/unixcap-record")
	if err := os.WriteFile(settings, []byte("RECORD_OPTIONS=-U\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	install(t, dir)
	if target, err := os.Readlink(filepath.Join(dir, "extcap/unixcap")); err != nil || target != filepath.Join(dir, "bin/record") {
		t.Errorf("Wireshark is given %q, %v", target, err)
	}
	for _, name := range []string{"plugins/unixcap.lua", "data/profiles/unixcap/preferences"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if b, err := os.ReadFile(settings); err != nil || string(b) != "RECORD_OPTIONS=-U\n" {
		t.Errorf("the settings were overwritten: %q, %v", b, err)
	}
}

func TestUnitExposure(t *testing.T) {
	needs(t, "systemd-analyze")
	out := strings.TrimSpace(run(t, filepath.Join(root, "scripts/unit-score.sh")))
	score, err := strconv.ParseFloat(out, 64)
	if err != nil || score > exposureMax {
		t.Errorf("exposure %q, want at most %v: %v", out, exposureMax, err)
	}
}

// setting returns the values of a setting of the unit.
func setting(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "packaging/systemd/unixcap-record.service"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			list = append(list, strings.TrimSpace(value))
		}
	}
	if list == nil {
		t.Fatalf("the unit has no %s", name)
	}
	return list
}

// What can be had of the unit's restrictions without systemd as the first
// process is put upon record, with the unit's options, and it records; the
// system calls it takes are among those that the unit allows.
func TestUnitRestrictions(t *testing.T) {
	needs(t, "systemd-analyze", "strace", "unshare", "setpriv", "mount")
	dir := strangersFolder(t)
	trace := filepath.Join(t.TempDir(), "trace")
	options, ok := strings.CutPrefix(strings.Trim(setting(t, "Environment")[0], `"`), "RECORD_OPTIONS=")
	if !ok {
		t.Fatalf("no options in %q", setting(t, "Environment"))
	}
	caps := strings.ToLower(strings.ReplaceAll(setting(t, "AmbientCapabilities")[0], "CAP_", "+"))
	caps = "-all," + strings.ReplaceAll(caps, " ", ",")
	if got, want := setting(t, "CapabilityBoundingSet"), setting(t, "AmbientCapabilities"); !slices.Equal(got, want) {
		t.Errorf("bounding set %v, ambient set %v", got, want)
	}
	inside := fmt.Sprintf(`mount --bind %[1]s %[1]s && mount -o remount,bind,ro / && cd / &&
		exec setpriv --reuid %[2]d --regid %[2]d --clear-groups --no-new-privs \
			--bounding-set %[3]s --inh-caps %[3]s --ambient-caps %[3]s \
			%[4]s %[5]s -c 20 -p %[6]d`,
		dir, stranger, caps, filepath.Join(bin, "record"), strings.ReplaceAll(options, "/var/lib/unixcap", dir), os.Getpid())
	r := recordBy(t, exec.Command("strace", "-f", "-qq", "-e", "signal=none", "-o", trace, "unshare", "--mount", "--net", "sh", "-c", inside))
	say(t, 20)
	if err := <-r.ended; err != nil {
		t.Fatalf("%v\n%s", err, &r.stderr)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if n := strings.Count(analyze(t, "dump", files[0]), "said"); n != 20 {
		t.Errorf("%d messages", n)
	}
	allowed := allowedCalls(t)
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	_, calls, ok := strings.Cut(string(text), fmt.Sprintf("execve(%q", filepath.Join(bin, "record")))
	if !ok {
		t.Fatal("record is not in the trace")
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +([a-z_0-9]+)\(`).FindAllStringSubmatch(calls, -1) {
		seen[m[1]] = true
	}
	for name := range seen {
		if !allowed[name] {
			t.Errorf("the unit does not allow %s", name)
		}
	}
	for _, name := range []string{"bpf", "write", "capset", "landlock_restrict_self"} {
		if !seen[name] {
			t.Errorf("there is no %s in the trace", name)
		}
	}
	if allowed["syslog"] {
		t.Error("the unit allows to read the kernel's log")
	}
	for _, name := range []string{"socket", "socketpair"} {
		if seen[name] {
			t.Errorf("record takes %s, and the unit allows no address family", name)
		}
	}
	if m := regexp.MustCompile(`.*PROT_WRITE\|PROT_EXEC.*`).FindString(calls); m != "" {
		t.Errorf("the unit allows no memory that is written and executed: %s", m)
	}
}

// allowedCalls returns the system calls that the unit's filter lets through.
func allowedCalls(t *testing.T) map[string]bool {
	t.Helper()
	sets := map[string][]string{}
	var set string
	for line := range strings.Lines(run(t, "systemd-analyze", "--no-pager", "syscall-filter")) {
		word := strings.TrimSpace(line)
		switch {
		case word == "" || word[0] == '#':
		case line[0] == '@':
			set = word
		default:
			sets[set] = append(sets[set], word)
		}
	}
	allowed := map[string]bool{}
	var mark func(name string, allow bool)
	mark = func(name string, allow bool) {
		if name[0] != '@' {
			allowed[name] = allow
			return
		}
		if sets[name] == nil {
			t.Fatalf("systemd knows no %s", name)
		}
		for _, member := range sets[name] {
			mark(member, allow)
		}
	}
	for _, value := range setting(t, "SystemCallFilter") {
		names, not := strings.CutPrefix(value, "~")
		for _, name := range strings.Fields(names) {
			mark(name, !not)
		}
	}
	return allowed
}
