package endtoend

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A wireshark is the home of somebody who has record in Wireshark.
type wireshark struct {
	t    *testing.T
	home string
}

func newWireshark(t *testing.T, program string) *wireshark {
	t.Helper()
	w := &wireshark{t, worldFolder(t)}
	for _, folder := range []string{".config/wireshark/extcap", ".local/lib/wireshark/extcap"} { // of 4.0, and of newer ones
		dir := filepath.Join(w.home, folder)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(dir, "unixcap")); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "chmod", "-R", "a+rX", w.home)
	return w
}

func (w *wireshark) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HOME="+w.home)
	return cmd
}

// Wireshark is told what can be set before anything is attached, also where it
// can't be; each control is a flag that record has.
func TestExtcapAnswers(t *testing.T) {
	needs(t)
	program := filepath.Join(bin, "record")
	for _, who := range []struct {
		name string
		attr *syscall.SysProcAttr
	}{{"root", nil}, {"nobody", ambient()}} {
		t.Run(who.name, func(t *testing.T) {
			ask := func(args ...string) string {
				t.Helper()
				cmd := exec.Command(program, args...)
				cmd.SysProcAttr = who.attr
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s", args, err, out)
				}
				return string(out)
			}
			if out := ask("--extcap-interfaces", "--extcap-version=4.0"); !strings.Contains(out, "\ninterface {value=unixcap}{display=UNIX sockets}\n") {
				t.Errorf("interfaces: %s", out)
			}
			if out := ask("--extcap-dlts", "--extcap-interface", "unixcap"); !strings.Contains(out, "{number=101}") {
				t.Errorf("link types: %s", out)
			}
			help := ask("--help")
			controls := regexp.MustCompile(`\{call=(--[a-z-]+)\}`).FindAllStringSubmatch(ask("--extcap-interface", "unixcap", "--extcap-config"), -1)
			if len(controls) < 20 {
				t.Errorf("%d controls", len(controls))
			}
			for _, c := range controls {
				if !strings.Contains(help, c[1]+" ") {
					t.Errorf("no flag %s in %s", c[1], help)
				}
			}
			for filter, right := range map[string]bool{
				"": true, "mysqld.sock": true, "*.sock --comm mysqld --not comm=cron -p 1": true, "--path mysqld.sock --type stream,dgram": true,
				"--pid x": false, "tcp port 80 --": false, "-w /tmp/file": false, "--not x": false,
			} {
				out := ask("--extcap-interface", "unixcap", "--extcap-capture-filter", filter)
				if (out == "") != right {
					t.Errorf("filter %q: %q", filter, out)
				}
			}
		})
	}
	if out, err := exec.Command(program, "--extcap-interface", "eth0", "--extcap-dlts").CombinedOutput(); err == nil {
		t.Errorf("another interface: %s", out)
	}
}

// The dialogue offers the sockets and processes that there are.
func TestExtcapChoices(t *testing.T) {
	needs(t)
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "a b.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	program := filepath.Join(bin, "record")
	if out, want := run(t, program, "--extcap-interface", "unixcap", "--extcap-config", "--extcap-reload-option", "path"), "{value="+l.Addr().String()+"}"; !strings.Contains(out, want) {
		t.Errorf("no %s in %s", want, out)
	}
	me := run(t, program, "--extcap-interface", "unixcap", "--extcap-config", "--extcap-reload-option", "--pid")
	if !regexp.MustCompile(`\{display=\d+ endtoend`).MatchString(me) {
		t.Errorf("this process is not in %s", me)
	}
}

// A message is there while the capture goes on. At the end, the extcap ends too,
// without a complaint, and all is in the file.
func TestExtcapLive(t *testing.T) {
	needs(t, "tshark", "dumpcap", "socat")
	w := newWireshark(t, filepath.Join(bin, "record"))
	dir := t.TempDir()
	wanted, other, file := filepath.Join(dir, "wanted.sock"), filepath.Join(dir, "other.sock"), filepath.Join(w.home, "live.pcapng")
	for _, socket := range []string{wanted, other} {
		echo := exec.Command("socat", "UNIX-LISTEN:"+socket+",fork", "PIPE")
		if err := echo.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { echo.Process.Kill(); echo.Wait() }()
	}
	say := func(socket, text string) {
		t.Helper()
		client := exec.Command("socat", "-", "UNIX-CONNECT:"+socket+",retry=100,interval=0.1")
		client.Stdin = strings.NewReader(text)
		if out, err := client.Output(); err != nil || string(out) != text {
			t.Fatalf("echo of %q: %q, %v", text, out, err)
		}
	}
	cmd := w.command("tshark", "-i", "unixcap", "-o", "extcap.unixcap.path:"+dir+"/*.sock", "-f", "--not path="+other,
		"-l", "-P", "-w", file, "-T", "fields", "-e", "data.data")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			lines <- s.Text()
		}
	}()
	// When it begins is not said; so there is something to say until it is heard.
	seen := 0
	for seen < 2 { // there and back
		say(other, "not this")
		say(wanted, "this")
		for more := true; more; {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("tshark: %v\n%s", cmd.Wait(), &stderr)
				}
				if strings.Contains(line, "74686973") {
					seen++
				}
			default:
				more = false
			}
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for range lines {
	}
	if err := cmd.Wait(); err != nil || strings.Contains(stderr.String(), "record:") {
		t.Errorf("%v\n%s", err, &stderr)
	}
	for exec.Command("pgrep", "-f", w.home).Run() == nil { // it may still be about to end
		time.Sleep(10 * time.Millisecond)
	}
	out := analyze(t, "dump", "--format", "jsonl", file)
	if !strings.Contains(out, `"payload":"this"`) || strings.Contains(out, "not this") {
		t.Errorf("the file has %s", out)
	}
}

// Who may not record sees the interface all the same, and is told what to do.
func TestExtcapWithoutPrivileges(t *testing.T) {
	needs(t, "tshark", "dumpcap")
	program := filepath.Join(bin, "record")
	w := newWireshark(t, program)
	w.t.Chdir(w.home)
	if err := os.Chown(w.home, stranger, stranger); err != nil {
		t.Fatal(err)
	}
	tshark := func(args ...string) string {
		cmd := w.command("tshark", args...)
		cmd.SysProcAttr = ambient()
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := tshark("-D"); !strings.Contains(out, "unixcap (UNIX sockets)") {
		t.Errorf("interfaces: %s", out)
	}
	out := tshark("-i", "unixcap", "-w", filepath.Join(w.home, "x.pcapng"))
	if want := "as root: setcap cap_bpf,cap_perfmon,cap_syslog+ep " + program; !strings.Contains(out, want) {
		t.Errorf("%q does not say %q", out, want)
	}
}

// A recording for Wireshark goes into a fifo and nowhere else, whatever the
// arguments say.
func TestExtcapRefuses(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	other, fifo := filepath.Join(dir, "other"), filepath.Join(dir, "fifo")
	if err := os.WriteFile(other, []byte("not to be touched"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"link": other, "fifolink": fifo} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(want string, args ...string) {
		t.Helper()
		args = append([]string{"--capture", "--extcap-interface", "unixcap", "--extcap-capture-filter", ""}, args...)
		out, err := exec.Command(filepath.Join(bin, "record"), args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %q, want %q", args, err, out, want)
		}
	}
	for _, name := range []string{"other", "link", "fifolink", "/dev/null", "-", "nothing"} {
		if !filepath.IsAbs(name) && name != "-" {
			name = filepath.Join(dir, name)
		}
		fails("--fifo "+name, "--fifo", name)
	}
	for _, args := range []string{"--write=" + other, "-w " + other, "-Z nobody", "--no-sandbox", "--metrics " + other, "x.sock", "-- touch " + other, "--comm"} {
		fails("", append([]string{"--fifo", filepath.Join(dir, "nothing")}, strings.Fields(args)...)...)
	}
	fails("not of the interface's options", "--fifo", filepath.Join(dir, "nothing"), "-w", other)
	if text, err := os.ReadFile(other); err != nil || string(text) != "not to be touched" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a file was made")
	}
}

// A Wireshark that was killed leaves no recorder behind, neither one that still waits
// for the fifo's reader nor one that has nothing to write.
func TestExtcapKilled(t *testing.T) {
	needs(t)
	for _, reads := range []bool{false, true} {
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		wireshark := exec.Command("sh", "-c", `"$@" & echo $!; wait`, "sh", filepath.Join(bin, "record"),
			"--capture", "--extcap-interface", "unixcap", "--fifo", fifo, "--comm", "nobody-has-it")
		stdout, err := wireshark.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := wireshark.Start(); err != nil {
			t.Fatal(err)
		}
		pid, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		process := "/proc/" + strings.TrimSpace(pid)
		for attached := false; !attached; time.Sleep(10 * time.Millisecond) {
			files, err := os.ReadDir(process + "/fd")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				target, err := os.Readlink(process + "/fd/" + f.Name())
				attached = attached || err == nil && strings.Contains(target, "bpf")
			}
		}
		if reads {
			f, err := os.Open(fifo)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Read(make([]byte, 1)); err != nil { // it has begun
				t.Fatal(err)
			}
		}
		wireshark.Process.Kill()
		wireshark.Wait()
		// Who is now its parent may leave it as a zombie, which has no executable.
		for {
			if _, err := os.Readlink(process + "/exe"); err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
