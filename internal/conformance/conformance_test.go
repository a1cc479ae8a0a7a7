package conformance

import (
	"os"
	"testing"

	"unixcap/bpf"
)

func TestThisKernel(t *testing.T) {
	if os.Geteuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("recording needs root")
	}
	results, err := Run(bpf.Options{Backend: bpf.Tracepoint})
	if err != nil {
		t.Error(err)
	}
	for _, r := range results {
		t.Run(r.Kind+"/"+r.Path, func(t *testing.T) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
}
