// SPDX-License-Identifier: Apache-2.0

//go:build mutants

package mutants

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/history"
)

// variant is a way to build the tests of a package.
type variant struct {
	name   string
	module string // its directory; empty: the root
	pkg    string // its directory in the module
	flags  []string
	env    []string
}

// dir returns the directory of the package.
func (v *variant) dir() string { return filepath.Join(root, v.module, v.pkg) }

var (
	machine  = &variant{name: "machine", pkg: "internal/word"}
	breaker  = &variant{name: "breaker", pkg: "atomicbreaker"}
	explored = &variant{name: "explored", pkg: "atomicbreaker", flags: []string{"-tags=explore"}}
	raced    = &variant{name: "raced", pkg: "atomicbreaker", flags: []string{"-race"}}
	recorded = &variant{name: "recorded", pkg: "internal/history"}
	sinks    = &variant{name: "sinks", pkg: "atomicbreaker/breakerio"}
	handlers = &variant{name: "handlers", pkg: "atomicbreaker/breakerslog"}
	clients  = &variant{name: "clients", pkg: "atomicbreaker/breakerhttp"}
	registry = &variant{name: "registry", pkg: "atomicbreaker/breakers"}
	rendered = &variant{name: "rendered", pkg: "atomicbreaker/breakers/internal/page"}
	frames   = &variant{name: "frames", module: "atomicbreaker/breakerspool", pkg: "internal/segment"}
	spool    = &variant{name: "spool", module: "atomicbreaker/breakerspool", pkg: "."}
	scraped  = &variant{name: "scraped", module: "atomicbreaker/breakerprom", pkg: "."}
	observed = &variant{name: "observed", module: "atomicbreaker/breakerotel", pkg: "."}
	compared = &variant{name: "compared", module: "internal/metricstest", pkg: "."}
	narrow   = &variant{name: "narrow", pkg: "atomicbreaker", env: []string{"GOOS=linux", "GOARCH=386", "CGO_ENABLED=0"}}
)

// layer is a part of the test suite with its own way to find bugs.
type layer struct {
	name      string
	variant   *variant
	run, skip string
	checks    int // of rapid: several times as many as the mutants need

	// inTree is set if the tests read files of the module, and so run in their package's directory.
	// All others run in an empty directory, where they may leave files.
	inTree bool

	// alone is set if the tests need both cores. No other layer runs at the same time.
	alone bool

	// proof must match the output of a failure for it to count, because these tests also fail on a
	// busy machine. With nil every failure counts.
	proof *regexp.Regexp
}

// layers are in the order of their cost.
var layers = []layer{
	{name: "table", variant: machine, run: "^Test(Next|Layout|Fields|Questions|GoldenWords)$", inTree: true},
	{name: "judge", variant: breaker, run: "^TestHistories", inTree: true},
	{name: "history", variant: recorded, inTree: true},
	{name: "property", variant: breaker, run: "^TestProperty", checks: 3000},
	{name: "virtualtime", variant: breaker, run: "^TestVirtualTime", checks: 3000},
	{name: "fapilog", variant: breaker, run: "^TestFapilog"},
	{name: "behavior", variant: breaker, skip: "^Test(Histories|Property|VirtualTime|Fapilog|Config|Cost|Rate|Linearizability|Million|Soak)"},
	{name: "config", variant: breaker, run: "^TestConfig", checks: 3000},
	{name: "rate", variant: breaker, run: "^TestRate", checks: 3000, inTree: true},
	{name: "batcher", variant: sinks, run: "^Test(Batcher|Pool)", checks: 1000},
	{name: "adapters", variant: sinks, run: "^Test(Writer|Lane|LaneProbe|Reopener|Shutdown)_", skip: "Conservation|Property"},
	{name: "lines", variant: sinks, run: "^TestWriter_ConservationOfLines$", checks: 200},
	{name: "handlers", variant: handlers, run: "^TestHandler_", skip: "Conservation"},
	{name: "http", variant: clients, run: "^Test(Transport|Body|Sink|StatusError|Loki|JSONTime|AppendEscaped|ParseRetryAfter|RetryAfter|New)", checks: 500},
	{name: "registry", variant: registry, run: "^Test(Registry|Record|Attach|Totals)_", checks: 500},
	{name: "groups", variant: registry, run: "^TestGroup_", checks: 1000},
	{name: "served", variant: registry, run: "^Test(Handler|Control|Stream)_"},
	{name: "rendered", variant: rendered, run: "^Test", checks: 200},
	{name: "frames", variant: frames, run: "^Test"},
	{name: "spool", variant: spool, run: "^Test", skip: "^Test(Crash|Kill|Model|Conservation)", checks: 200},
	{name: "crash", variant: spool, run: "^TestCrash_(ProcessDeath|EachFault)$"},
	{name: "powerloss", variant: spool, run: "^TestCrash_PowerLoss$"},
	{name: "prometheus", variant: scraped, run: "^Test(Collector|Property)_", checks: 200},
	{name: "otel", variant: observed, run: "^Test(RegisterMetrics|WithEvents)_"},
	{name: "equality", variant: compared, run: "^TestMetrics_"},
	{name: "cost", variant: breaker, run: "^TestCost", inTree: true},
	{name: "reach", variant: machine, run: "^Test(Reach|Widest|Total)"},
	{name: "linearizability", variant: breaker, run: "^TestLinearizability$", checks: 5000, alone: true, proof: regexp.MustCompile(history.ErrRejected.Error() + "|panic:")},
	{name: "386", variant: narrow, run: "^Test(Property|Cost_TheWord)", checks: 300},
	{name: "race", variant: raced, run: "^TestFapilog"},
	{name: "explore", variant: explored, run: "^TestExplore", skip: "^TestExplore(Timer|Subscribe)", checks: 1000},
	{name: "subscribe", variant: explored, run: "^TestExploreSubscribe", checks: 1000},
	{name: "timers", variant: explored, run: "^TestExploreTimer_Drawn$"},
}

func layerOf(name string) *layer {
	i := slices.IndexFunc(layers, func(l layer) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return &layers[i]
}

// possible reports whether this host can run the layer. Not every host runs 386 programs.
func (l *layer) possible() bool { return l.variant != narrow || runs386() }

// runs386 reports whether a 386 program runs here.
var runs386 = sync.OnceValue(func() bool {
	program := exec.Command("go", "run", "./internal/run386")
	program.Dir = root
	program.Env = append(os.Environ(), narrow.env...)
	return program.Run() == nil
})

// bench builds and runs the tests with some files replaced, without changing the tree.
type bench struct {
	dir      string // a directory of its own
	overlay  string
	binaries map[*variant]string
}

// errBuild reports that the tests do not compile with a mutant, which does not count as a kill.
var errBuild = errors.New("does not compile")

// newBench prepares a bench in dir that replaces the given files.
func newBench(dir string, files map[string]string) (*bench, error) {
	b := &bench{dir: dir, overlay: filepath.Join(dir, "overlay.json"), binaries: make(map[*variant]string)}
	replace := make(map[string]string)
	n := 0
	for file, text := range files {
		whole, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		n++
		replace[whole] = filepath.Join(dir, fmt.Sprintf("%d.go", n))
		if err := os.WriteFile(replace[whole], []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	return b, os.WriteFile(b.overlay, text, 0o600)
}

// build returns the test binary of a variant.
func (b *bench) build(v *variant) (string, error) {
	if binary, ok := b.binaries[v]; ok {
		return binary, nil
	}
	binary := filepath.Join(b.dir, v.name+".test")
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay=" + b.overlay, "-o", binary}, v.flags...)
	build := exec.Command("go", append(args, "./"+v.pkg)...)
	build.Dir = filepath.Join(root, v.module)
	build.Env = append(os.Environ(), v.env...)
	turns.RLock()
	defer turns.RUnlock()
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %w\n%s", errBuild, err, said)
	}
	b.binaries[v] = binary
	return binary, nil
}

// verdict is the result of a layer.
type verdict struct {
	killed bool
	by     string // the test that failed, or another reason
	took   time.Duration
	said   string
}

var failed = regexp.MustCompile(`--- FAIL: (\S+)`)

var turns sync.RWMutex

// turn waits until the layer may run, and returns the function that ends its turn.
func (l *layer) turn() (end func()) {
	if l.alone {
		turns.Lock()
		return turns.Unlock
	}
	turns.RLock()
	return turns.RUnlock
}

// run builds and runs a layer. It returns an error if the build fails or the layer has no tests.
func (b *bench) run(l *layer) (verdict, error) {
	start := time.Now()
	binary, err := b.build(l.variant)
	if err != nil {
		return verdict{}, err
	}
	limit := "-test.timeout=60s"
	if l.variant == explored { // half a minute on an idle machine
		limit = "-test.timeout=5m"
	}
	args := []string{limit, "-test.failfast", "-test.run=" + l.run, "-test.skip=" + l.skip}
	if l.variant.dir() == breaker.dir() || l.checks > 0 {
		args = append(args, "-rapid.nofailfile", "-rapid.seed=1", "-rapid.shrinktime=1ms")
	}
	tests := exec.Command(binary, args...)
	// Programs that the tests build must have the mutant as well.
	tests.Env = append(os.Environ(), fmt.Sprintf("RAPID_CHECKS=%d", max(1, l.checks)), "EXPLORE_DRAWN=300000",
		"GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+b.overlay))
	tests.Dir = l.variant.dir()
	if !l.inTree {
		tests.Dir = filepath.Join(b.dir, "run", l.name)
		if err := os.MkdirAll(tests.Dir, 0o700); err != nil {
			return verdict{}, err
		}
	}
	defer l.turn()()
	said, err := tests.CombinedOutput()
	v := verdict{killed: err != nil, took: time.Since(start), said: string(said)}
	found := failed.FindSubmatch(said)
	switch {
	case err == nil && strings.Contains(v.said, "no tests to run"):
		return v, fmt.Errorf("the layer %s has no tests", l.name)
	case err != nil && l.proof != nil && !l.proof.Match(said):
		v.killed, v.by = false, "the machine is too busy for these tests"
	case strings.Contains(v.said, "test timed out"):
		v.by = "a timeout"
	case found != nil:
		v.by = string(found[1])
	case strings.Contains(v.said, "DATA RACE"):
		v.by = "the race detector"
	case err != nil:
		v.by = err.Error()
	}
	return v, nil
}
