package sockets

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// runtimes are the files in which container runtimes keep the names of what
// runs. A * in a path is any name, ID is the container's. The folder may be a
// symbolic link, since administrators move it; below it, none that leads out is
// followed.
var runtimes = []struct {
	folder, file string
	name         func(file []byte, id string) string
}{
	{"var/lib/docker/containers", "ID/config.v2.json", dockerName},
	{"var/snap/docker/common/var-lib-docker/containers", "ID/config.v2.json", dockerName},
	{"run/containerd/io.containerd.runtime.v2.task", "*/ID/config.json", ociName},
	{"run/k3s/containerd/io.containerd.runtime.v2.task", "*/ID/config.json", ociName},
	{"run/containers/storage", "*-containers/ID/userdata/config.json", ociName},
	{"var/lib/containers/storage", "*-containers/ID/userdata/config.json", ociName},
	{"var/lib/containers/storage", "*-containers/containers.json", storageName},
}

const (
	// maxRuntimeFile bounds what is read of a file. The list of all of a storage's
	// containers is the longest, at about a kilobyte each.
	maxRuntimeFile = 16 << 20
	// maxNameLength bounds a name: Kubernetes' has at most 63 + 253 + 63 bytes.
	maxNameLength = 512
)

// nameOf returns the name of a container as its runtime's files have it. It may
// have to wait for a disk.
func nameOf(root, id string) string {
	if len(id) != hexIDLength {
		return "" // not one of these runtimes'
	}
	for _, r := range runtimes {
		name := nameIn(filepath.Join(root, r.folder), strings.ReplaceAll(r.file, "ID", id), func(file []byte) string {
			return r.name(file, id)
		})
		if name != "" {
			return name[:min(len(name), maxNameLength)]
		}
	}
	return ""
}

// nameIn returns the name that the first file with one has.
func nameIn(folder, pattern string, name func([]byte) string) string {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "" // the usual case: another runtime's
	}
	defer root.Close()
	files, err := fs.Glob(root.FS(), pattern)
	if err != nil {
		return ""
	}
	for _, f := range files {
		file, err := readFile(root, f, maxRuntimeFile)
		if err != nil {
			continue
		}
		if s := name(file); s != "" {
			return s
		}
	}
	return ""
}

var errNoFile = errors.New("not a regular file")

// readFile reads a regular file of at most limit bytes. It waits for no writer of a
// fifo.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNoFile
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// dockerName reads a config.v2.json.
func dockerName(file []byte, _ string) string {
	var config struct{ Name string }
	if json.Unmarshal(file, &config) != nil {
		return ""
	}
	return podName(strings.TrimPrefix(config.Name, "/"))
}

// ociName reads the annotations that containerd's CRI plugin and CRI-O make.
func ociName(file []byte, _ string) string {
	var config struct{ Annotations map[string]string }
	if json.Unmarshal(file, &config) != nil {
		return ""
	}
	for _, keys := range [][]string{
		{"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.container-name"},
		{"io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name"},
	} {
		var parts []string
		for _, key := range keys {
			if s := config.Annotations[key]; s != "" {
				parts = append(parts, s)
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts, "/")
		}
	}
	return ""
}

// storageName reads the containers.json of containers/storage, which Podman and
// CRI-O use.
func storageName(file []byte, id string) string {
	var list []struct {
		ID    string
		Names []string
	}
	if json.Unmarshal(file, &list) != nil {
		return ""
	}
	for _, c := range list {
		if c.ID == id && len(c.Names) > 0 {
			return podName(c.Names[0])
		}
	}
	return ""
}

// podName turns k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, as a kubelet names
// Docker's and CRI-O's containers, into NAMESPACE/POD/CONTAINER. Other names stay.
func podName(name string) string {
	f := strings.Split(name, "_")
	if len(f) != 6 || f[0] != "k8s" {
		return name
	}
	return f[3] + "/" + f[2] + "/" + f[1]
}
