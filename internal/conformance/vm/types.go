package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// typesWord is followed by the file that the kernel's types come from.
const typesWord = "--btf="

// hideTypes has the kernel not show its types, and checks the kprobe backend with
// those from a file in a process that never saw them.
func hideTypes(sender32 string) error {
	const shown, file = "/sys/kernel/btf/vmlinux", "/tmp/btf"
	err := copyFile(file, shown)
	if err == nil {
		err = unix.Mount("none", "/sys/kernel/btf", "tmpfs", 0, "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm: hide the kernel's types:", err)
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, sender32, typesWord+file)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}
