package capture

// An Origin is where a process comes from: what it runs, and in which cgroup
// and container. What is empty is not known. It does not change once a Process
// has it, so that processes may share one.
type Origin struct {
	Exe           string // path of the executable, as the process itself sees it
	CgroupPath    string // as in /proc/PID/cgroup
	Container     string // the runtime's id of it
	ContainerName string
}

// Limits of an origin in comments, so that both ends' fit into one with all the
// rest: see maxPath.
const (
	maxExe           = 1024
	maxCgroupPath    = 1024
	maxContainer     = 128
	maxContainerName = 512 // Kubernetes: a namespace of 63, a pod of 253, a container of 63
)

// maxOrigins bounds the origins that a Reader shares between processes.
const maxOrigins = 1024

const originFields = 4

// originKeys are the keys of an origin, in the order of their values.
type originKeys [originFields]string

var (
	ownOrigin  = originKeys{keyExe, keyCgroupPath, keyContainer, keyContainerName}
	peerOrigin = originKeys{keyPeerExe, keyPeerCgroupPath, keyPeerContainer, keyPeerContainerName}
)

var originLimits = [originFields]int{maxExe, maxCgroupPath, maxContainer, maxContainerName}

func (o *Origin) values() [originFields]*string {
	return [...]*string{&o.Exe, &o.CgroupPath, &o.Container, &o.ContainerName}
}

// append appends what is known to a comment.
func (o *Origin) append(b []byte, keys *originKeys) []byte {
	if o == nil {
		return b
	}
	for i, v := range o.values() {
		if *v != "" {
			b = appendName(b, keys[i], *v, originLimits[i])
		}
	}
	return b
}

// origin returns what a description says with these keys: old, if it is that. It
// is read apart from the other facts, since few packets have it.
func (r *Reader) origin(comment []byte, keys *originKeys, old *Origin) *Origin {
	var fields [originFields]field
	for {
		f, rest, ok := nextField(comment)
		if !ok {
			break
		}
		comment = rest
		for i, key := range keys {
			if string(f.key) == key {
				fields[i] = f
			}
		}
	}
	var o Origin
	same := old
	if same == nil {
		same = &o
	}
	was := same.values()
	for i, v := range o.values() {
		*v = r.name(*was[i], &fields[i])
	}
	switch {
	case o == Origin{}:
		return nil
	case old != nil && o == *old:
		return old
	}
	return r.share(o)
}

// share returns the one origin that all processes with it have.
func (r *Reader) share(o Origin) *Origin {
	if p := r.origins[o]; p != nil {
		return p
	}
	if r.origins == nil || len(r.origins) >= maxOrigins {
		r.origins = map[Origin]*Origin{}
	}
	p := &o
	r.origins[o] = p
	return p
}
