package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	// leastCapture is how large the capture is that is analysed.
	leastCapture = 1_000_000_000
	// transactions is how many of sysbench's are recorded at once: about 30 MB.
	transactions = 600
)

// sysbench records a MariaDB server that sysbench's oltp_read_write talks to, in
// equal parts with prepared statements and without, until the capture is large
// enough. Its name is returned.
func sysbench() string {
	home := filepath.Join(dir, "mariadb")
	check(os.Mkdir(home, 0o700))
	defer os.RemoveAll(home)
	socket := filepath.Join(home, "mysqld.sock")
	data := "--datadir=" + filepath.Join(home, "data")
	must("mariadb-install-db", "--no-defaults", "--user=root", data, "--auth-root-authentication-method=normal", "--skip-test-db")
	server := exec.Command("mariadbd", "--no-defaults", "--user=root", data, "--socket="+socket, "--skip-networking", "--debug-no-sync")
	check(server.Start())
	defer func() {
		check(server.Process.Kill())
		server.Wait() // killed
	}()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := exec.Command("mariadb-admin", "--no-defaults", "-uroot", "--socket="+socket, "create", "sbtest").Run()
		if err == nil {
			break
		}
		if time.Now().After(end) {
			check(fmt.Errorf("mariadbd does not answer: %w", err))
		}
	}
	run := func(args ...string) {
		must("sysbench", append([]string{"oltp_read_write", "--db-driver=mysql", "--mysql-socket=" + socket, "--mysql-user=root",
			"--tables=4", "--table-size=10000", "--threads=4", "--time=0", "--events=" + strconv.Itoa(transactions)}, args...)...)
	}
	run("prepare")
	name := filepath.Join(dir, "sysbench.pcapng")
	o := observe("listening on", filepath.Join(dir, "record"), "-w", name, "mysqld.sock")
	for {
		run("run")
		run("--db-ps-mode=disable", "run")
		info, err := os.Stat(name)
		check(err)
		progress("recorded %d MB of sysbench", info.Size()/1e6)
		if info.Size() >= leastCapture {
			break
		}
	}
	// Not stop, which removes what was recorded.
	check(o.cmd.Process.Signal(os.Interrupt))
	for line := range o.lines {
		fmt.Fprintln(&o.text, line)
	}
	check(o.cmd.Wait())
	if _, dropped := counts(o.text.String()); dropped > 0 {
		progress("the capture of sysbench lacks %d messages", dropped)
	}
	return name
}

// must runs a program that is needed.
func must(name string, args ...string) {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		check(fmt.Errorf("%s: %w: %s", name, err, out))
	}
}

// convert makes a classic pcap file of a capture, of all packets or of the first n.
func convert(from, to string, n int) {
	args := []string{"-F", "nsecpcap"}
	if n > 0 {
		args = append(args, "-r")
	}
	args = append(args, from, to)
	if n > 0 {
		args = append(args, fmt.Sprintf("1-%d", n))
	}
	must("editcap", args...)
}
