# The commands of the project. `make` alone is what to type before a commit.

GO          ?= go
STATICCHECK ?= $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK ?= $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME    ?= 10s
CHAOS       ?= 10m
BENCH       ?= $(patsubst bench/%/main.go,%,$(wildcard bench/*/main.go))

.PHONY: all build run test race lint bench fuzz chaos tools clean

all: build lint
	$(GO) test -short ./...

# build puts the binaries in bin/.
build:
	@mkdir -p bin
	$(GO) build -o bin/ ./cmd/... ./examples/...

# run shows the demo: a supervised service behind the proxy, described by the
# inspector. Ctrl-C ends all of it.
run: build
	bin/hero_proc up --demo

# test proves everything, with the race detector. It installs the programs that
# some tests run for real, where it may, and says which it could not get.
test: tools build
	$(GO) test -race -timeout 20m ./...
	cd bench && $(GO) vet ./... && $(GO) test ./...

tools:
	@sh e2e/tools.sh

lint:
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt: these are not formatted, gofmt -w mends it: $$files" >&2; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...
	GOOS=darwin $(GO) vet ./...
	$(GO) mod tidy -diff
	@sh .ci/vuln "$(GOVULNCHECK)"

# bench runs the commands in bench/, each of which prints a table.
bench:
	@set -e; cd bench; for b in $(BENCH); do echo "== $$b"; $(GO) run ./$$b; done

# chaos does things to services and their supervisor at random, for CHAOS long.
# CHAOS_SEED repeats a run.
chaos:
	CHAOS=$(CHAOS) $(GO) test -count=1 -v -timeout 24h -run '^TestChaos$$' ./internal/supervisor

# fuzz runs each fuzz target for FUZZTIME.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

clean:
	rm -rf bin
