# Targets loop over all modules, because go test ./... at the root skips nested ones.
SHELL   := bash
MODULES := $(sort $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path './.*/*' -not -path '*/testdata/*')))

# Tools run at a pinned version, so that no go.mod requires them. golangci-lint includes gofumpt and
# goimports.
GOLANGCI  := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BENCHSTAT := go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

COUNT     ?= 10
BENCH     ?= .
BENCHTIME ?= 40ms
RESULTS   ?= results/$(if $(filter .,$(BENCH)),latest,some).txt
BASE      ?= HEAD~1
DEMOFLAGS ?=
COVER_MIN ?= 95
DURATION  ?= 10m

# $(call each,COMMAND) runs COMMAND in every module, and stops at the first failure.
each = @set -e; for m in $(MODULES); do echo "--- $@: $$m"; (cd "$$m"; $(1)); done

# $(call demand,PATTERN,FLAGS,DIRECTORIES) fails unless at least one test matches PATTERN. go test
# succeeds if no test matches, so without this a gate would still pass after its tests were renamed.
demand = @set -e; for d in $(3); do (cd "$$d"; go test $(2) -list '$(1)' ./...); done | grep '^Test' >/dev/null || \
	{ echo "$@: no test is named $(1)" >&2; exit 1; }

# $(call explore,TIMEOUT) explores interleavings and prints their number.
explore = @set -o pipefail; go test -tags explore -count=1 -v -timeout $(1) -run '^TestExplore' ./atomicbreaker | \
	{ grep -v -e '^=== ' -e '^--- PASS' -e '\[rapid\] OK' || :; }

.DEFAULT_GOAL := help
.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The 386 run tests the alignment of the 64-bit word. Its property tests are shorter than those of
# the native run. On a host that cannot run 386 programs, the tests are only compiled and vetted.
.PHONY: test
test: export RAPID_CHECKS ?= 10000
test: RAPID_CHECKS_386 ?= 500
test: ## vet and test every module, the root module also on 386 (RAPID_CHECKS=10000)
	$(call each,go vet ./...)
	$(call each,go test -count=1 ./...)
	@echo "--- $@: . with every interleaving of small programs"
	go vet -tags explore,mutants ./...
	$(call demand,^TestExplore,-tags explore,atomicbreaker)
	$(call explore,10m)
	@echo "--- $@: . on 386"
	@set -e; export GOOS=linux GOARCH=386 CGO_ENABLED=0; \
	if go run ./internal/run386 2>/dev/null; then \
		RAPID_CHECKS=$(RAPID_CHECKS_386) go test -count=1 ./...; \
	else \
		echo "this host cannot run 386 programs: compiled and vetted only"; \
		go vet ./...; \
		go test -c -o /dev/null ./...; \
	fi

.PHONY: race
race: export RAPID_CHECKS ?= 1000
race: ## run all tests under the race detector, those of fapilog's claims ten times (RAPID_CHECKS=1000; needs a C compiler)
	$(call each,go test -race -count=1 ./...)
	$(call demand,^TestFapilog,-race,atomicbreaker)
	go test -race -count=10 -run '^TestFapilog' ./atomicbreaker

# Only this target explores the two larger shapes from every word with all operations.
.PHONY: explore
explore: export EXPLORE := all
explore: export RAPID_CHECKS ?= 100000
explore: ## explore every interleaving of all small programs; make test explores a part of them (hours)
	$(call demand,^TestExplore,-tags explore,atomicbreaker)
	$(call explore,0)

# MUTANTS=regexp selects mutants by name. MATRIX=regexp runs every mutant against these layers.
# ONLY=1 runs every layer on each mutant marked only, and fails if a second layer notices it.
.PHONY: mutants
mutants: ## apply each mutant of testdata/mutants; fails if the tests miss one (MUTANTS=regexp MATRIX=regexp ONLY=1; needs a C compiler)
	$(call demand,^TestMutants$$,-tags mutants,internal/mutants)
	@cd internal/mutants; MUTANTS='$(MUTANTS)' MATRIX='$(MATRIX)' ONLY='$(ONLY)' go test -tags mutants -count=1 -timeout 60m -run '^TestMutants$$'

.PHONY: soak
soak: ## run random concurrent programs with new seeds; writes rejected histories to testdata/histories/failures (DURATION=10m)
	$(call demand,^TestSoak$$,,atomicbreaker)
	@cd atomicbreaker; SOAK='$(DURATION)' go test -count=1 -timeout 0 -run '^TestSoak$$'

# A flaky test is a defect of the test or of the code, so no target retries a test.
.PHONY: flaky
flaky: export RAPID_CHECKS ?= 300
flaky: export FLAKY_COUNT ?= 20
flaky: export FLAKY ?= .
flaky: ## run every test FLAKY_COUNT times in three settings: alone, under load, on one processor (FLAKY_COUNT=20 FLAKY=regexp; 40 minutes)
	@.ci/flaky $(MODULES)

.PHONY: selftest
selftest: ## break each rule once, in a copy of the tree; fails if a gate still passes
	@.ci/selftest

.PHONY: million
million: ## open a million breakers at once, and check that all recover
	$(call demand,Million,,$(MODULES))
	$(call each,go test -count=1 -v -timeout 60m -run Million ./...)

.PHONY: lint
lint: ## run golangci-lint on every module: format, style, architecture; and promtool on a scrape and the alerts (skipped without promtool)
	@$(GOLANGCI) config verify --config '$(CURDIR)/.golangci.yml'
	$(call each,$(GOLANGCI) run --config '$(CURDIR)/.golangci.yml' ./...)
	@echo "--- $@: . with the files of other builds"
	@$(GOLANGCI) run --config '$(CURDIR)/.golangci.yml' --build-tags explore,mutants ./...
	$(if $(filter $(PROMETHEUS),$(MODULES)),$(promtool))

# With promtool, its tests are a part of make test as well. Here the output says whether they ran.
PROMETHEUS := ./atomicbreaker/breakerprom
define promtool
@set -e; echo "--- lint: $(PROMETHEUS) with promtool"; cd $(PROMETHEUS); \
	if ! command -v promtool >/dev/null; then echo "promtool is not installed: its checks are skipped"; exit; fi; \
	go test -list '^TestPromtool' ./... | grep -q '^TestPromtool_CheckMetrics'; \
	go test -count=1 -run '^TestPromtool' ./...
endef

.PHONY: fmt
fmt: ## format every module as make lint requires
	$(call each,$(GOLANGCI) fmt --config '$(CURDIR)/.golangci.yml' ./...)

# This counts all statements of the root module, including internal/, because results depend on the
# model, the locked variants and the history recorder. A statement is covered if a test of any
# package reaches it. Nested modules and test files are not counted.
.PHONY: cover
cover: export RAPID_CHECKS ?= 1000
cover: ## measure the statement coverage of the root module; fails below COVER_MIN percent (COVER_MIN=95)
	go test -count=1 -coverpkg=./... -coverprofile=coverage.out ./...
	@total=$$(go tool cover -func=coverage.out | awk '$$1 == "total:" { sub("%", "", $$3); print $$3 }'); \
	echo "total: $$total % of statements; want at least $(COVER_MIN) %"; \
	awk -v total="$$total" 'BEGIN { exit !(total + 0 >= $(COVER_MIN)) }'

# A round of all benchmarks takes about two minutes; COUNT=1 BENCH=Healthy takes a few seconds. If
# BENCH selects some benchmarks, the results go to results/some.txt, because the pages need all of
# them.
.PHONY: bench
bench: ## benchmark the breaker, other libraries and lower limits; writes bench/results/ (COUNT=10 BENCH=. BENCHTIME=40ms RESULTS=results/latest.txt; 20 minutes)
	@cd bench; go run ./record -count '$(COUNT)' -bench '$(BENCH)' -benchtime '$(BENCHTIME)' -o '$(RESULTS)'

.PHONY: report
report: ## update the tables and plots in README.md and BENCHMARKS.md from bench/results/
	cd bench && go run ./report

# This is not part of bench, because the counts depend only on the code and the compiler. Without
# valgrind the comparison is skipped, so that a machine needs only Go, make and git; recording
# fails.
.PHONY: instructions
instructions: ## count instructions per call; fails if a count exceeds its record or its limit (skipped without valgrind; a minute; RECORD=1 records all implementations: two minutes)
ifdef RECORD
	@cd bench; go run ./instructions -record >results/instructions.partial && mv results/instructions.partial results/instructions.txt
else
	@cd bench; go run ./instructions
endif

.PHONY: bench-compare
bench-compare: BENCH := $(if $(filter file,$(origin BENCH)),./impl=atomic$$,$(BENCH))
bench-compare: ## compare the benchmarks of BASE and of this tree with benchstat (BASE=HEAD~1 BENCH=regexp COUNT=10)
	@.ci/bench-compare '$(BASE)' '$(BENCH)' '$(COUNT)' '$(BENCHTIME)' $(BENCHSTAT)

.PHONY: ratios
ratios: ## measure the promised ratios; fails if one is missed (RATIOS=results/ratios.txt records them; two minutes, 3 GiB in TMPDIR)
	cd bench && go run ./ratios $(if $(RATIOS),-o '$(RATIOS)')

.PHONY: demo
demo: ## count what four guards lose while a sink hangs, dies and comes back (DEMOFLAGS=-h lists options; 50 s)
	cd bench && go run ./outage $(DEMOFLAGS)

.PHONY: page
page: ## serve the debug page with made-up breakers, for work on it; ends after an hour
	@cd internal/browser && go run ./servepage

.PHONY: picture
picture: ## take the picture of the debug page in README.md again (needs Chromium)
	cd internal/browser && PICTURE=1 go test -count=1 -run '^TestPicture$$' .

# The tests do not run on these systems.
SYSTEMS := windows/amd64 darwin/arm64 freebsd/amd64 netbsd/amd64 openbsd/amd64 dragonfly/amd64 js/wasm plan9/amd64 \
	linux/arm linux/mips linux/s390x

.PHONY: systems
systems: ## vet the library and its adapters for other systems (SYSTEMS=GOOS/GOARCH; ten minutes)
	@set -e; export CGO_ENABLED=0; for system in $(SYSTEMS); do for m in $(filter-out ./bench ./internal/browser ./internal/dashboard,$(MODULES)); do \
		echo "--- $@: $$system $$m"; (cd "$$m"; GOOS=$${system%/*} GOARCH=$${system#*/} go vet ./...); done; done

.PHONY: release
release: ## prepare a release in a clone, with requirements, changelog and tags (VERSION=v0.1.0 DIR=../release)
	@.ci/release '$(VERSION)' '$(DIR)'

.PHONY: release-check
release-check: ## run README.md's program and the modules' examples against a release from a module proxy (a minute)
	@.ci/release-check

.PHONY: tidy
tidy: ## run go mod tidy in every module
	$(call each,go mod tidy)

.PHONY: tidy-check
tidy-check: ## fail if go mod tidy would change a module
	$(call each,go mod tidy -diff)
