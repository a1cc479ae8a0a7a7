package sockets

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var (
	idA = strings.Repeat("0123456789abcdef", 4)
	idB = strings.Repeat("fedcba9876543210", 4)
)

func TestContainerOf(t *testing.T) {
	const pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b2d_3c.slice/"
	for _, c := range []struct{ what, path, id, name string }{
		{"docker, cgroupfs", "/docker/" + idA, idA, ""},
		{"docker, systemd", "/system.slice/docker-" + idA + ".scope", idA, ""},
		{"docker in docker", "/docker/" + idB + "/docker/" + idA, idA, ""},
		{"a service of a container with systemd", "/docker/" + idA + "/system.slice/nginx.service", idA, ""},
		{"amazon ecs", "/ecs/0b9e1a32/" + idA, idA, ""},
		{"containerd, systemd", pod + "cri-containerd-" + idA + ".scope", idA, ""},
		{"containerd, cgroupfs", "/kubepods/besteffort/pod1b2d-3c/" + idA, idA, ""},
		{"containerd, path of systemd without its driver", "/system.slice/containerd.service/kubepods-pod1b2d.slice:cri-containerd:" + idA, idA, ""},
		{"nerdctl", "/system.slice/nerdctl-" + idA + ".scope", idA, ""},
		{"cri-o, systemd", pod + "crio-" + idA + ".scope", idA, ""},
		{"cri-o with a cgroup below", pod + "crio-" + idA + ".scope/container", idA, ""},
		{"cri-o, cgroupfs", "/kubepods/pod1b2d-3c/crio-" + idA, idA, ""},
		{"cri-o's monitor", pod + "crio-conmon-" + idA + ".scope", "", ""},
		{"docker of a kubelet", pod + "docker-" + idA + ".scope", idA, ""},
		{"podman, systemd", "/machine.slice/libpod-" + idA + ".scope/container", idA, ""},
		{"podman, cgroupfs", "/libpod_parent/libpod-" + idA, idA, ""},
		{"podman, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope/container", idA, ""},
		{"podman, pod", "/machine.slice/machine-libpod_pod_" + idB + ".slice/libpod-" + idA + ".scope", idA, ""},
		{"podman, unit of its own", "/system.slice/web.service/libpod-payload-" + idA, idA, ""},
		{"podman's monitor", "/machine.slice/libpod-conmon-" + idA + ".scope", "", ""},
		{"podman's health check", "/system.slice/" + idA + ".service", "", ""},
		{"lxc", "/lxc/web", "web", "web"},
		{"lxc 4", "/lxc.payload/web/init.scope", "web", "web"},
		{"lxc 4.0.2", "/lxc.payload.web/system.slice/nginx.service", "web", "web"},
		{"lxc's monitor", "/lxc.monitor.web", "", ""},
		{"nspawn", `/machine.slice/machine-my\x2dweb.scope/payload`, "my-web", "my-web"},
		{"nspawn, service", "/machine.slice/systemd-nspawn@web.service/payload/init.scope", "web", "web"},
		{"nspawn itself", "/machine.slice/machine-web.scope/supervisor", "", ""},
		{"libvirt, lxc", `/machine.slice/machine-lxc\x2d4711\x2dmy\x2dweb.scope`, "my-web", "my-web"},
		{"libvirt, qemu", `/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt/emulator`, "", ""},
		{"a service", "/system.slice/mariadb.service", "", ""},
		{"a session", "/user.slice/user-0.slice/session-3.scope", "", ""},
		{"an overlay's mount", "/system.slice/var-lib-docker-overlay2-" + idA + "-merged.mount", "", ""},
		{"upper case", "/docker/" + strings.ToUpper(idA), "", ""},
		{"one digit too many", "/docker/0" + idA, "", ""},
		{"one digit too few", "/docker/" + idA[1:], "", ""},
		{"root", "/", "", ""},
		{"nothing", "", "", ""},
		{"half an escape", `/machine.slice/machine-a\x2.scope`, `a\x2`, `a\x2`},
	} {
		if id, name := containerOf(c.path); id != c.id || name != c.name {
			t.Errorf("%s: %s is %q %q, want %q %q", c.what, c.path, id, name, c.id, c.name)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for _, c := range []struct {
		what, file string
		want       cgroup
	}{
		{"version 2", "0::/system.slice/a b:c.service\n",
			cgroup{path: "/system.slice/a b:c.service", unified: "/system.slice/a b:c.service"}},
		{"version 2, removed", "0::/docker/" + idA + " (deleted)\n",
			cgroup{path: "/docker/" + idA, unified: "/docker/" + idA, container: idA}},
		{"version 1", "11:memory:/docker/" + idA + "\n2:cpu,cpuacct:/docker/" + idA + "\n1:name=systemd:/docker/" + idA + "\n",
			cgroup{path: "/docker/" + idA, container: idA}},
		{"both, container in version 1", "11:memory:/docker/" + idA + "\n1:name=systemd:/system.slice/docker.service\n0::/system.slice\n",
			cgroup{path: "/docker/" + idA, unified: "/system.slice", container: idA}},
		{"both, service", "11:memory:/\n1:name=systemd:/system.slice/cron.service\n0::/\n",
			cgroup{path: "/system.slice/cron.service", unified: "/"}},
		{"root", "0::/\n", cgroup{path: "/", unified: "/"}},
		{"nothing", "", cgroup{}},
		{"not a cgroup file", "hello\n::\n", cgroup{}},
	} {
		if got := parseCgroup(c.file); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

// place makes a file below a folder.
func place(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	task    = "run/containerd/io.containerd.runtime.v2.task/"
	storage = "lib/containers/storage/"
)

func TestNameOf(t *testing.T) {
	for _, c := range []struct{ what, file, text, want string }{
		{"docker", "var/lib/docker/containers/" + idA + "/config.v2.json",
			`{"StreamConfig":{},"State":{"Running":true},"ID":"` + idA + `","Name":"/web_db-1","Driver":"overlay2"}`, "web_db-1"},
		{"docker of a kubelet", "var/lib/docker/containers/" + idA + "/config.v2.json",
			`{"Name":"/k8s_mysql_db-0_shop_1b2d-3c_4"}`, "shop/db-0/mysql"},
		{"docker, snap", "var/snap/docker/common/var-lib-docker/containers/" + idA + "/config.v2.json", `{"Name":"/web"}`, "web"},
		{"containerd", task + "k8s.io/" + idA + "/config.json",
			`{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.container-name":"mysql","io.kubernetes.cri.container-type":"container",` +
				`"io.kubernetes.cri.sandbox-name":"db-0","io.kubernetes.cri.sandbox-namespace":"shop"}}`, "shop/db-0/mysql"},
		{"containerd's sandbox", task + "k8s.io/" + idA + "/config.json",
			`{"annotations":{"io.kubernetes.cri.sandbox-name":"db-0","io.kubernetes.cri.sandbox-namespace":"shop"}}`, "shop/db-0"},
		{"k3s", "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" + idA + "/config.json",
			`{"annotations":{"io.kubernetes.cri.container-name":"mysql"}}`, "mysql"},
		{"containerd for docker", task + "moby/" + idA + "/config.json", `{"ociVersion":"1.1.0"}`, ""},
		{"cri-o", "run/containers/storage/overlay-containers/" + idA + "/userdata/config.json",
			`{"annotations":{"io.kubernetes.container.name":"mysql","io.kubernetes.pod.name":"db-0","io.kubernetes.pod.namespace":"shop"}}`, "shop/db-0/mysql"},
		{"cri-o's storage", "var/" + storage + "overlay-containers/containers.json",
			`[{"id":"` + idA + `","names":["k8s_mysql_db-0_shop_1b2d-3c_0"]}]`, "shop/db-0/mysql"},
		{"podman", "var/" + storage + "overlay-containers/containers.json",
			`[{"id":"` + idB + `","names":["other"]},{"id":"` + idA + `","names":["quirky_hopper"],"layer":"x"}]`, "quirky_hopper"},
		{"podman, other driver", "var/" + storage + "vfs-containers/containers.json", `[{"id":"` + idA + `","names":["web"]}]`, "web"},
		{"podman, another's", "var/" + storage + "overlay-containers/containers.json", `[{"id":"` + idB + `","names":["other"]}]`, ""},
		{"no names", "var/" + storage + "overlay-containers/containers.json", `[{"id":"` + idA + `"}]`, ""},
		{"damaged", "var/lib/docker/containers/" + idA + "/config.v2.json", `{"Name":"/we`, ""},
		{"of another type", "var/lib/docker/containers/" + idA + "/config.v2.json", `{"Name":7}`, ""},
		{"empty", task + "k8s.io/" + idA + "/config.json", ``, ""},
		{"too long a name", "var/lib/docker/containers/" + idA + "/config.v2.json",
			`{"Name":"/` + strings.Repeat("x", 1000) + `"}`, strings.Repeat("x", maxNameLength)},
		{"too long a file", "var/lib/docker/containers/" + idA + "/config.v2.json",
			strings.Repeat(" ", maxRuntimeFile) + `{"Name":"/web"}`, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			root := t.TempDir()
			place(t, root, c.file, c.text)
			if got := nameOf(root, idA); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Files that are absent, or no files, have no names.
func TestNoNames(t *testing.T) {
	root := t.TempDir()
	containers := filepath.Join(root, "var/lib/docker/containers")
	if got := nameOf(root, idA); got != "" {
		t.Errorf("%q from nothing", got)
	}
	if err := os.MkdirAll(filepath.Join(containers, idA), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(containers, idA, "config.v2.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := nameOf(root, idA); got != "" { // nor does it wait
		t.Errorf("%q from a fifo", got)
	}
	if got := nameOf(root, "../../../../etc"); got != "" {
		t.Errorf("%q from an id that is none", got)
	}
}

// A link in a runtime's folder may not lead out of it, but the folder may be
// elsewhere.
func TestNamesBehindLinks(t *testing.T) {
	root := t.TempDir()
	place(t, root, "elsewhere/config.v2.json", `{"Name":"/elsewhere"}`)
	place(t, root, "elsewhere/"+idB+"/config.v2.json", `{"Name":"/moved"}`)
	link := func(to, name string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	docker := filepath.Join(root, "var/lib/docker")
	for what, c := range map[string][2]string{
		"file":             {filepath.Join(root, "elsewhere/config.v2.json"), "var/lib/docker/containers/" + idA + "/config.v2.json"},
		"file, relative":   {"../../../../../elsewhere/config.v2.json", "var/lib/docker/containers/" + idA + "/config.v2.json"},
		"folder":           {filepath.Join(root, "elsewhere"), "var/lib/docker/containers/" + idA},
		"folder, relative": {"../../../../elsewhere", "var/lib/docker/containers/" + idA},
	} {
		if err := os.RemoveAll(docker); err != nil {
			t.Fatal(err)
		}
		link(c[0], c[1])
		if _, err := os.Stat(filepath.Join(docker, "containers", idA, "config.v2.json")); err != nil {
			t.Fatal(err) // the link leads somewhere
		}
		if got := nameOf(root, idA); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
	if err := os.RemoveAll(docker); err != nil {
		t.Fatal(err)
	}
	link(filepath.Join(root, "elsewhere"), "var/lib/docker/containers")
	if got := nameOf(root, idB); got != "moved" {
		t.Errorf("%q, want moved", got)
	}
}

// A long list is read, but not without end.
func TestLongStorage(t *testing.T) {
	root := t.TempDir()
	var b strings.Builder
	b.WriteString("[")
	for range 5000 {
		b.WriteString(`{"id":"` + idB + `","names":["other"],"layer":"` + idB + `","metadata":"` + idB + `"},`)
	}
	b.WriteString(`{"id":"` + idA + `","names":["last"]}]`)
	place(t, root, "var/"+storage+"overlay-containers/containers.json", b.String())
	if got := nameOf(root, idA); got != "last" {
		t.Errorf("%q, want last", got)
	}
}
