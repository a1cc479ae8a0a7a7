package sockets

import (
	"strconv"
	"strings"
)

// containerOf returns the id of the container whose cgroup has this path, or one
// below it, and its name where the path tells that. Of containers in containers
// it is the innermost. id is "" for a cgroup that is in none.
//
// Runtimes differ in the forms of paths, and have no registry of them. These
// are of Docker, containerd, CRI-O, Podman and nerdctl, whose ids are 64
// hexadecimal digits, and of LXC, systemd-nspawn and libvirt, whose are names.
func containerOf(path string) (id, name string) {
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i > 0; i-- {
		if id := hexID(parts[i]); id != "" {
			return id, ""
		}
		below := ""
		if i+1 < len(parts) {
			below = parts[i+1]
		}
		if name := containerName(parts[i-1], parts[i], below); name != "" {
			return name, name
		}
	}
	return "", ""
}

// hexIDLength is that of the ids that most runtimes make of a SHA-256.
const hexIDLength = 64

// hexID returns the id in a part such as ID, docker-ID.scope, crio-ID,
// libpod-ID.scope or POD.slice:cri-containerd:ID.
func hexID(part string) string {
	// A transient ID.service is a health check, which runs outside.
	part = strings.TrimSuffix(part, ".scope")
	if len(part) < hexIDLength {
		return ""
	}
	prefix, id := part[:len(part)-hexIDLength], part[len(part)-hexIDLength:]
	if strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	if prefix == "" {
		return id
	}
	runtime := prefix[:len(prefix)-1]
	switch prefix[len(prefix)-1] {
	case '-', ':':
		if strings.HasSuffix(runtime, "conmon") { // watches the container, from outside
			return ""
		}
		return id
	}
	return ""
}

// containerName returns the name in a part of a path, given those above and below it.
func containerName(above, part, below string) string {
	if name, ok := strings.CutPrefix(part, "lxc.payload."); ok {
		return name
	}
	if above == "lxc" || above == "lxc.payload" {
		return part
	}
	var machine string
	if unit, ok := strings.CutSuffix(part, ".scope"); ok {
		machine, _ = strings.CutPrefix(unit, "machine-")
		if machine == unit {
			return ""
		}
	} else if unit, ok := strings.CutSuffix(part, ".service"); ok {
		machine, ok = strings.CutPrefix(unit, "systemd-nspawn@")
		if !ok {
			return ""
		}
	}
	if below == "supervisor" { // systemd-nspawn's own process
		return ""
	}
	machine = unescapeUnit(machine)
	if strings.HasPrefix(machine, "qemu-") { // a virtual machine
		return ""
	}
	if rest, ok := strings.CutPrefix(machine, "lxc-"); ok { // libvirt: lxc-NUMBER-NAME
		if number, name, ok := strings.Cut(rest, "-"); ok && isNumber(number) {
			return name
		}
	}
	return machine
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// unescapeUnit undoes what systemd-escape does to a name.
func unescapeUnit(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if len(s) >= 4 && s[0] == '\\' && s[1] == 'x' {
			if c, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				s = s[4:]
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
