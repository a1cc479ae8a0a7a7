# The commands of this repository; `make help` lists them. What takes more than
# a line is in scripts/.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
FUZZTIME   ?= 10s

export FUZZTIME
# sudo's PATH often lacks the place where Go's own packages put it.
export PATH := $(PATH):/usr/local/go/bin
# git does not speak of a checkout that is somebody else's, and go build, which
# asks it for the version, would fail.
ifeq ($(shell git rev-parse HEAD 2>/dev/null),)
export GOFLAGS := $(GOFLAGS) -buildvcs=false
endif

.DEFAULT_GOAL := help
.PHONY: help build demo test test-kernels screenshots lint generate fuzz bench profile install install-wireshark clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build record and analyze into bin/
	@scripts/build.sh

demo: ## record a conversation with a MySQL server, and report on it
	@scripts/demo.sh

test: ## install what the tests need, and run them all
	@scripts/test.sh

test-kernels: ## check every backend on several kernels, in virtual machines
	@TABLE=docs/kernels.md scripts/kernels/test.sh

screenshots: ## make the pictures of docs/wireshark.md anew
	SCREENSHOTS='$(CURDIR)/docs/wireshark' go test ./internal/endtoend -count 1 -run 'TestWireshark/screenshots'

lint: ## check form: gofmt, vet, staticcheck, go.mod, shellcheck
	@scripts/lint.sh

generate: ## compile bpf/*.c anew (clang-19, llvm-19, libbpf-dev)
	go generate ./bpf

fuzz: ## run each fuzz target for FUZZTIME
	@scripts/fuzz.sh

bench: ## measure what recording and analysing cost, into docs/benchmarks.md (SOAK=10m: at length too)
	go run ./internal/benchmark $(if $(SOAK),-soak $(SOAK))

profile: ## have the compiler know where analyze spends its time: on the file CAPTURE, and in each decoder
	@CAPTURE='$(CAPTURE)' scripts/profile.sh

install: build ## install into DESTDIR and PREFIX (/usr/local)
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 bin/record bin/analyze '$(DESTDIR)$(PREFIX)/bin'
	install -d '$(DESTDIR)$(PREFIX)/share/doc/unixcap'
	install -m 644 docs/*.md '$(DESTDIR)$(PREFIX)/share/doc/unixcap'
	install -d '$(DESTDIR)$(PREFIX)/share/doc/unixcap/wireshark'
	install -m 644 docs/wireshark/*.png '$(DESTDIR)$(PREFIX)/share/doc/unixcap/wireshark'
	install -d '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)$(SYSCONFDIR)/default'
	sed 's,@prefix@,$(PREFIX),; s,@sysconfdir@,$(SYSCONFDIR),' packaging/systemd/unixcap-record.service \
		>'$(DESTDIR)$(PREFIX)/lib/systemd/system/unixcap-record.service'
	chmod 644 '$(DESTDIR)$(PREFIX)/lib/systemd/system/unixcap-record.service'
	[ -e '$(DESTDIR)$(SYSCONFDIR)/default/unixcap-record' ] || \
		install -m 644 packaging/systemd/unixcap-record.default '$(DESTDIR)$(SYSCONFDIR)/default/unixcap-record'
	DESTDIR='$(DESTDIR)' scripts/wireshark/install.sh '$(PREFIX)/bin/record'

install-wireshark: build ## install for Wireshark, for yourself alone
	@scripts/wireshark/install.sh --personal '$(CURDIR)/bin/record'

clean: ## remove what was made
	rm -rf bin demo.pcapng
