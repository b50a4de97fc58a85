# Every loop below covers every module: go test ./... at the root does not see nested ones.
SHELL   := bash
MODULES := $(sort $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path './.*/*' -not -path '*/testdata/*')))

# Tools are pinned here and run by version, so that no go.mod requires them. golangci-lint brings gofumpt and goimports.
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

# $(call each,COMMAND): in every module, up to the first failure.
each = @set -e; for m in $(MODULES); do echo "--- $@: $$m"; (cd "$$m"; $(1)); done

# $(call demand,PATTERN,FLAGS,DIRECTORIES): at least one test of that name. Without it a gate whose tests were renamed
# would stay green, because go test is content to run none.
demand = @set -e; for d in $(3); do (cd "$$d"; go test $(2) -list '$(1)' ./...); done | grep '^Test' >/dev/null || \
	{ echo "$@: no test is named $(1)" >&2; exit 1; }

# $(call explore,TIMEOUT): explores interleavings and prints how many.
explore = @set -o pipefail; go test -tags explore -count=1 -v -timeout $(1) -run '^TestExplore' ./atomicbreaker | \
	{ grep -v -e '^=== ' -e '^--- PASS' -e '\[rapid\] OK' || :; }

.DEFAULT_GOAL := help
.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The 386 run is there for the alignment of the 64-bit word. Its property tests are short: the native run is the bar.
# A host that cannot run 386 programs compiles and vets them.
.PHONY: test
test: export RAPID_CHECKS ?= 10000
test: RAPID_CHECKS_386 ?= 500
test: ## go vet and all tests of every module, the root module also on 386 (RAPID_CHECKS=10000)
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
race: ## all tests under the race detector, the tests of fapilog's claims ten times (RAPID_CHECKS=1000; needs a C compiler)
	$(call each,go test -race -count=1 ./...)
	$(call demand,^TestFapilog,-race,atomicbreaker)
	go test -race -count=10 -run '^TestFapilog' ./atomicbreaker

# Everything else leaves this out: the two larger shapes from every word, with the whole alphabet.
.PHONY: explore
explore: export EXPLORE := all
explore: export RAPID_CHECKS ?= 100000
explore: ## every interleaving of all small programs, not only of those in make test (hours)
	$(call demand,^TestExplore,-tags explore,atomicbreaker)
	$(call explore,0)

# MUTANTS=regexp breaks the library in some ways only; MATRIX=regexp asks these layers about every mutant.
.PHONY: mutants
mutants: ## break the library in every way of testdata/mutants; fails when the tests do not notice (MUTANTS=regexp MATRIX=regexp; needs a C compiler)
	$(call demand,^TestMutants$$,-tags mutants,internal/mutants)
	@cd internal/mutants; MUTANTS='$(MUTANTS)' MATRIX='$(MATRIX)' go test -tags mutants -count=1 -timeout 60m -run '^TestMutants$$'

.PHONY: soak
soak: ## race for DURATION over fresh seeds; what is refused is left in testdata/histories/failures (DURATION=10m)
	$(call demand,^TestSoak$$,,atomicbreaker)
	@cd atomicbreaker; SOAK='$(DURATION)' go test -count=1 -timeout 0 -run '^TestSoak$$'

# A test that fails now and then is a defect of the test or of the code. Nothing here tries again.
.PHONY: flaky
flaky: export RAPID_CHECKS ?= 300
flaky: export FLAKY_COUNT ?= 20
flaky: export FLAKY ?= .
flaky: ## every test FLAKY_COUNT times: alone, beside busy programs, on one processor (FLAKY_COUNT=20 FLAKY=regexp; 40 minutes)
	@.ci/flaky $(MODULES)

.PHONY: selftest
selftest: ## break each rule once, in a copy, and demand that its gate turns red
	@.ci/selftest

.PHONY: million
million: ## one million breakers, all open at once, all recover
	$(call demand,Million,,$(MODULES))
	$(call each,go test -count=1 -v -timeout 60m -run Million ./...)

.PHONY: lint
lint: ## golangci-lint over every module: format, style and the rules of the architecture
	@$(GOLANGCI) config verify --config '$(CURDIR)/.golangci.yml'
	$(call each,$(GOLANGCI) run --config '$(CURDIR)/.golangci.yml' ./...)
	@echo "--- $@: . with the files of other builds"
	@$(GOLANGCI) run --config '$(CURDIR)/.golangci.yml' --build-tags explore,mutants ./...

.PHONY: fmt
fmt: ## format every module as make lint wants it
	$(call each,$(GOLANGCI) fmt --config '$(CURDIR)/.golangci.yml' ./...)

# Counted are all statements of all packages of the root module, whichever package's tests reach them: the library, the
# adapters and internal/ alike (the model, the locked variants and the history recorder are code that results rest on).
# Not counted are nested modules and test files.
.PHONY: cover
cover: export RAPID_CHECKS ?= 1000
cover: ## statement coverage of the root module; fails under 95 % (COVER_MIN)
	go test -count=1 -coverpkg=./... -coverprofile=coverage.out ./...
	@total=$$(go tool cover -func=coverage.out | awk '$$1 == "total:" { sub("%", "", $$3); print $$3 }'); \
	echo "total: $$total % of statements, at least $(COVER_MIN) % wanted"; \
	awk -v total="$$total" 'BEGIN { exit !(total + 0 >= $(COVER_MIN)) }'

# A round of all benchmarks takes some two minutes, so ten of them twenty; COUNT=1 BENCH=Healthy a few seconds.
# What only a part of them measured goes to results/some.txt: pages are made of all.
.PHONY: bench
bench: ## benchmarks beside rivals and limits, into bench/results/: 20 minutes (COUNT=10 BENCH=. BENCHTIME=40ms RESULTS=)
	@cd bench; go run ./record -count '$(COUNT)' -bench '$(BENCH)' -benchtime '$(BENCHTIME)' -o '$(RESULTS)'

.PHONY: report
report: ## tables and plots from bench/results/, into README.md and BENCHMARKS.md
	cd bench && go run ./report

# Not a part of bench: the counts change with the code and the compiler only. Without valgrind the comparison is skipped,
# because the other targets must work on a machine that has only Go, make and git; recording fails.
.PHONY: instructions
instructions: ## fail if a call takes more instructions than recorded, or than its limit (needs valgrind, else skipped; a minute; RECORD=1 counts all rivals into bench/results/: two minutes)
ifdef RECORD
	@cd bench; go run ./instructions -record >results/instructions.partial && mv results/instructions.partial results/instructions.txt
else
	@cd bench; go run ./instructions
endif

.PHONY: bench-compare
bench-compare: BENCH := $(if $(filter file,$(origin BENCH)),./impl=atomic$$,$(BENCH))
bench-compare: ## bench BASE and this tree in turn, then benchstat's verdict (BASE=HEAD~1 BENCH=regexp COUNT=10)
	@.ci/bench-compare '$(BASE)' '$(BENCH)' '$(COUNT)' '$(BENCHTIME)' $(BENCHSTAT)

.PHONY: ratios
ratios: ## measure the promised ratios side by side; fails when one is missed (two minutes, 3 GiB in TMPDIR; RATIOS=results/ratios.txt keeps them)
	cd bench && go run ./ratios $(if $(RATIOS),-o '$(RATIOS)')

.PHONY: demo
demo: ## a sink hangs, dies and comes back under real loggers and four guards: what is lost? (DEMOFLAGS=-h; 50 s)
	cd bench && go run ./outage $(DEMOFLAGS)

# The tests do not run on these systems; what the README says of them is that this is clean.
SYSTEMS := windows/amd64 darwin/arm64 freebsd/amd64 netbsd/amd64 openbsd/amd64 dragonfly/amd64 js/wasm plan9/amd64 \
	linux/arm linux/mips linux/s390x

.PHONY: systems
systems: ## go vet the library and its adapters for the systems that README names (SYSTEMS=GOOS/GOARCH; ten minutes)
	@set -e; export CGO_ENABLED=0; for system in $(SYSTEMS); do for m in $(filter-out ./bench,$(MODULES)); do \
		echo "--- $@: $$system $$m"; (cd "$$m"; GOOS=$${system%/*} GOARCH=$${system#*/} go vet ./...); done; done

.PHONY: release
release: ## prepare a release in a clone: requirements, changelog, tags (VERSION=v0.1.0 DIR=../release)
	@.ci/release '$(VERSION)' '$(DIR)'

.PHONY: release-check
release-check: ## consume a release from outside: README's programs through a module proxy, without replace (a minute)
	@.ci/release-check

.PHONY: tidy
tidy: ## go mod tidy in every module
	$(call each,go mod tidy)

.PHONY: tidy-check
tidy-check: ## fail if go mod tidy would change something
	$(call each,go mod tidy -diff)
