package bpf

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// An Offer is what this kernel, and the rights of this process, have for
// recording.
type Offer struct {
	Facts    []Fact
	Backends []BackendOffer // the best first
}

// A Fact is one thing that recording depends on, or that explains a refusal.
type Fact struct {
	Name, Value string
}

// A BackendOffer is what there is for one backend.
type BackendOffer struct {
	Name  Backend
	Hooks []Fact
	Err   error  // why it can't be taken, nil if it can
	Note  string // what it lacks all the same
}

// Taken returns the backend that Auto takes, "" if there is none.
func (o *Offer) Taken() Backend {
	for _, b := range o.Backends {
		if b.Err == nil {
			return b.Name
		}
	}
	return ""
}

// Check finds out what there is, by trying. For a moment it attaches each
// backend's programs, with a filter that no socket fits.
func Check(types *btf.Spec) *Offer {
	offer := new(Offer)
	offer.facts(types)
	o := Options{Types: types, RingSize: 64 << 10, Filter: Filter{Want: Conditions{SKs: []uint64{1}}}}
	list, err := o.prepare()
	if err == nil {
		_, err = Holders(types) // which every recording begins with
	}
	for _, name := range Backends {
		b := BackendOffer{Name: name, Hooks: hooks(name, types), Err: err}
		if err == nil {
			b.Note, b.Err = try(name, o, list)
		}
		offer.Backends = append(offer.Backends, b)
	}
	return offer
}

func try(name Backend, o Options, list []pattern) (note string, err error) {
	t, err := open(name, o, list)
	if err != nil {
		return "", err
	}
	if t.fewCalls != nil {
		note = t.fewCallsNote()
	}
	return note, t.Close()
}

func (o *Offer) facts(types *btf.Spec) {
	add := func(name, value string) { o.Facts = append(o.Facts, Fact{name, value}) }
	_, err := ownTypes()
	add("BTF", support(err))
	if types != nil {
		add("--btf", "is taken, which only the kprobe backend can")
	}
	add("ring buffer", support(features.HaveMapType(ebpf.RingBuf)))
	add("atomic additions", support(haveFetch()))
	add("payload in pages", mapsPages(types))
	add("task storage", support(features.HaveMapType(ebpf.TaskStorage)))
	rights := "has CAP_BPF, CAP_PERFMON and CAP_SYSLOG"
	if len(missing()) > 0 {
		rights = refusal()
	} else if !holds(cap.SYSLOG) {
		rights = "has CAP_BPF and CAP_PERFMON, not CAP_SYSLOG"
	}
	add("capabilities", rights)
	add("user namespace", host(!nested()))
	add("pid namespace", host(checkNamespace() == nil))
	mode := lockdown()
	if mode == "" {
		mode = "not known (/sys/kernel/security/lockdown can't be read)"
	}
	add("lockdown", mode)
	add("unprivileged BPF", sysctl("kernel.unprivileged_bpf_disabled")+"; CAP_BPF passes")
	add("perf events", sysctl("kernel.perf_event_paranoid")+"; CAP_PERFMON passes")
}

// mapsPages says whether the payload of sendfile and splice can be found.
func mapsPages(types *btf.Spec) string {
	yes, err := MapsPages(types)
	if err == nil && !yes {
		return "no: the kernel does not show where it has them"
	}
	return support(err)
}

// support says what a probe found.
func support(err error) string {
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, ebpf.ErrNotSupported):
		return "no"
	case errors.Is(err, os.ErrPermission):
		return "not known without the capabilities"
	}
	return "not known: " + err.Error()
}

func host(yes bool) string {
	if yes {
		return "the host's"
	}
	return "another than the host's"
}

// sysctl returns a setting as sysctl(8) takes it.
func sysctl(name string) string {
	b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return name + " is not known"
	}
	return name + "=" + strings.TrimSpace(string(b))
}

// hooks says which of a backend's places in the kernel there are.
func hooks(name Backend, types *btf.Spec) []Fact {
	spec, err := backends[name].load()
	if err != nil {
		return nil // open says so
	}
	if types == nil {
		if types, err = ownTypes(); err != nil {
			return nil // likewise
		}
	}
	found := make(map[string]string)
	for _, p := range spec.Programs {
		found[p.AttachTo] = hook(types, p)
	}
	switch {
	case found[maySend] == "yes":
		found[readable] = "not needed: " + maySend + " is there"
	case found[maySend] == "no":
		found[maySend] = "no; " + readable + " is taken instead"
	}
	var list []Fact
	for _, hook := range slices.Sorted(maps.Keys(found)) {
		list = append(list, Fact{hook, found[hook]})
	}
	return list
}

// hook says whether there is the place that a program is for.
func hook(types *btf.Spec, p *ebpf.ProgramSpec) string {
	look := lacks[*btf.Func]
	if p.AttachType == ebpf.AttachTraceRawTp || p.Type == ebpf.RawTracepoint {
		look = lacksTracepoint
	}
	absent, err := look(types, p.AttachTo)
	switch {
	case err != nil:
		return "not known"
	case !absent:
		return "yes"
	case p.AttachTo == sendpage:
		return "no; not needed since Linux 6.5"
	}
	return "no"
}
