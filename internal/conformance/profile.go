package conformance

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"unixcap/bpf"
)

// probeProfile says how often the kernel ran the kretprobes that are defined in
// tracefs, and how often it could not (kprobe_profile; the kernel's kprobetrace.rst).
func probeProfile(b bpf.Backend) (string, error) {
	if b != bpf.Kprobe {
		return "", nil
	}
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		text, err := os.ReadFile(dir + "/kprobe_profile")
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		said := ""
		for line := range strings.Lines(string(text)) { // stream_exit 123 0
			if f := strings.Fields(line); len(f) == 3 {
				said += fmt.Sprintf(", %s ran %s times and not %s", f[0], f[1], f[2])
			}
		}
		return said, nil
	}
	return "", nil
}
