# Two commands do everything, set-up included: make demo, make test.

SHELL := /bin/sh
export GOTOOLCHAIN := local
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
PYTHON ?= python3
VENV := build/venv
VERSION ?= 0.1.0
DIST := build/dispatcherd-$(VERSION).tar.gz
# A tree that git does not trust (another user's, or none at all) is built without its commit.
BUILDVCS := $(shell git rev-parse --git-dir >/dev/null 2>&1 && echo auto || echo false)
GO_FILES := $(shell find . -name '*.go' -not -path './build/*')
PY_FILES := $(shell find workers/python -name '*.py')

# The tests that have the unmodified Python original on the other side are named so.
INTEROP := ^TestInterop
INTEGRATION := DISPATCHERD_TEST_REQUIRE=1 DISPATCHERD_TEST_VENV=$(CURDIR)/$(VENV) go test -race -shuffle=on -count=1 -timeout 20m

.PHONY: help build demo test lint unit python integration interop differential storm test-host dist rpm manual bench bench-quick bench-run bench-micro clean

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

build: bin/dispatcherd bin/dispatcherctl ## the two programs, into bin/

bin/%: $(GO_FILES) $(PY_FILES) go.mod go.sum
	@tests/setup/need go
	go build -buildvcs=$(BUILDVCS) -o $@ ./cmd/$*

demo: ## build, run tasks through the socket and, where there is a Postgres, through NOTIFY
	@tests/setup/need go python3
	@$(MAKE) --silent --no-print-directory build
	@tests/demo/run

test: ## everything: lint, Go tests with the race detector, Python tests, integration, interop
	@tests/setup/need go gcc python3 venv postgres pgbouncer dbus rpm
	@$(MAKE) --no-print-directory lint $(VENV)/.done build
	@$(MAKE) --no-print-directory unit python integration interop

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l $(GO_FILES))" || { echo "gofmt has something to say of:"; gofmt -l $(GO_FILES); exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

unit: ## the Go tests of the packages, with the race detector
	DISPATCHERD_TEST_REQUIRE=1 go test -race -shuffle=on $$(go list ./... | grep -v '^dispatcherd/tests')

python: $(VENV)/.done ## the Python tests, on every interpreter that is found
	DISPATCHERD_TEST_VENV=$(CURDIR)/$(VENV) tests/setup/every-python

# -count=1: the go command does not know which programs these tests build and start.
integration: build $(VENV)/.done ## the built programs with a real Postgres
	$(INTEGRATION) -skip '$(INTEROP)' ./tests/...

interop: build $(VENV)/.done ## the Python original from PyPI as publisher, control client, dispatcherctl, library and service
	$(INTEGRATION) -run '$(INTEROP)' ./tests ./tests/differential ./tests/faults ./tests/consumers ./tests/storm

SEEDS ?= 1000-1019
differential: build $(VENV)/.done ## generated scripts for both services: make differential SEEDS="1000-1999 7"
	DISPATCHERD_TEST_REQUIRE=1 DISPATCHERD_TEST_VENV=$(CURDIR)/$(VENV) DISPATCHERD_TEST_SEEDS="$(SEEDS)" \
		go test -count=1 -timeout 0 -run '$(INTEROP)' -v ./tests/differential

storm: SEEDS = 1-3
storm: SECONDS = 120
storm: build $(VENV)/.done ## kills and cuts under a flood, ours and the original in turns: make storm SEEDS="1-3" SECONDS=120
	DISPATCHERD_TEST_REQUIRE=1 DISPATCHERD_TEST_VENV=$(CURDIR)/$(VENV) DISPATCHERD_TEST_SEEDS="$(SEEDS)" \
		DISPATCHERD_STORM_SECONDS=$(SECONDS) DISPATCHERD_STORM_WRITE=$(WRITE) \
		go test -count=1 -timeout 0 -run '^TestInteropStorm' -v ./tests/storm

test-host: build ## the service on a booted systemd, in a virtual machine
	@tests/host/run
	@DISPATCHERD_HOST_SECONDS=1800 tests/host/run limits
	@tests/host/run package guide

dist: $(DIST) ## the source archive, Go's modules vendored, into build/

$(DIST): $(shell git ls-files 2>/dev/null)
	@tests/setup/need go
	packaging/rpm/archive $(VERSION) $@

rpm: $(DIST) ## the packages, into build/rpm/
	@tests/setup/need go rpm
	packaging/rpm/build $(VERSION) $(DIST) build/rpm

manual: build ## the manual pages that are made from what they describe
	$(PYTHON) docs/man/generate.py bin/dispatcherctl docs/configuration.md docs/man

bench: ## what it costs: the Python original, ours and the bare parts in turns, into docs/performance.md
	@$(MAKE) --no-print-directory bench-run BENCH="-write docs/performance.md $(BENCH)"

bench-quick: ## the same in a few minutes, one round of smaller numbers, on the terminal alone
	@$(MAKE) --no-print-directory bench-run BENCH="-quick $(BENCH)"

bench-run:
	@tests/setup/need go python3 venv postgres
	@$(MAKE) --no-print-directory build build/throwaway $(VENV)/.done
	DISPATCHERD_TEST_VENV=$(CURDIR)/$(VENV) build/throwaway -- go run ./tests/bench $(BENCH)

# Without the one whose bytes depend on how often it is run.
MICRO := go test -run '^$$' -bench . -skip 'SubmitRunFinish/100000' -benchmem -benchtime 0.2s -count 10 \
	./daemon/message ./daemon/dispatch ./workers/process
MICRO_BASELINE := tests/bench/baseline.txt

bench-micro: ## the Go benchmarks beside their baseline, by benchstat; BASELINE=1 makes that anew
	@tests/setup/need go
	@mkdir -p build
	$(MICRO) >build/micro.out || { cat build/micro.out; exit 1; }
	@{ echo "go: $$(go env GOVERSION)"; grep -E '^(goos|goarch|pkg|cpu|Benchmark)' build/micro.out; } >build/micro.txt
	$(if $(BASELINE),cp build/micro.txt $(MICRO_BASELINE),go run $(BENCHSTAT) -ignore go $(MICRO_BASELINE) build/micro.txt)

build/throwaway: $(GO_FILES) go.mod go.sum
	go build -buildvcs=false -o $@ ./tests/postgres/cmd/throwaway

$(VENV)/.done: tests/setup/requirements.txt
	@tests/setup/need python3 venv
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

clean: ## remove what was built
	rm -rf bin build
