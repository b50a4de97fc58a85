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
)

// variant is a way to build the tests of a package.
type variant struct {
	name, pkg string
	flags     []string
	env       []string
}

var (
	machine  = &variant{name: "machine", pkg: "internal/word"}
	breaker  = &variant{name: "breaker", pkg: "atomicbreaker"}
	explored = &variant{name: "explored", pkg: "atomicbreaker", flags: []string{"-tags=explore"}}
	raced    = &variant{name: "raced", pkg: "atomicbreaker", flags: []string{"-race"}}
	recorded = &variant{name: "recorded", pkg: "internal/history"}
	sinks    = &variant{name: "sinks", pkg: "atomicbreaker/breakerio"}
	handlers = &variant{name: "handlers", pkg: "atomicbreaker/breakerslog"}
	narrow   = &variant{name: "narrow", pkg: "atomicbreaker", env: []string{"GOOS=linux", "GOARCH=386", "CGO_ENABLED=0"}}
)

// layer is a part of the test suite that finds mistakes in a way of its own.
type layer struct {
	name      string
	variant   *variant
	run, skip string
	checks    int // of rapid, where it is used: as many as find what must be found, several times over

	// inTree: the tests read files of the module, and so run in their package's directory. All others run in an empty
	// one, where they can leave what they like.
	inTree bool

	// alone: the tests need both cores, and nothing else of ours runs meanwhile.
	alone bool

	// proof is what a failure must say to count: such tests also fail when the machine is too busy for them. nil: any.
	proof *regexp.Regexp
}

// The layers in the order of what they cost.
var layers = []layer{
	{name: "table", variant: machine, run: "^Test(Next|Layout|Fields|Questions|GoldenWords)$", inTree: true},
	{name: "judge", variant: breaker, run: "^TestHistories", inTree: true},
	{name: "history", variant: recorded, inTree: true},
	{name: "property", variant: breaker, run: "^TestProperty", checks: 3000},
	{name: "virtualtime", variant: breaker, run: "^TestVirtualTime", checks: 3000},
	{name: "fapilog", variant: breaker, run: "^TestFapilog"},
	{name: "behaviour", variant: breaker, skip: "^Test(Histories|Property|VirtualTime|Fapilog|Cost|Rate|Linearizability|Million|Soak)"},
	{name: "rate", variant: breaker, run: "^TestRate", checks: 3000, inTree: true},
	{name: "batcher", variant: sinks, run: "^Test(Batcher|Pool)", checks: 1000},
	{name: "adapters", variant: sinks, run: "^Test(Writer|Lane|LaneProbe|Reopener|Shutdown)_", skip: "Conservation|Property"},
	{name: "lines", variant: sinks, run: "^TestWriter_ConservationOfLines$", checks: 200},
	{name: "handlers", variant: handlers, run: "^TestHandler_", skip: "Conservation"},
	{name: "cost", variant: breaker, run: "^TestCost", inTree: true},
	{name: "reach", variant: machine, run: "^Test(Reach|Widest|Total)"},
	{name: "linearizability", variant: breaker, run: "^TestLinearizability$", checks: 5000, alone: true, proof: regexp.MustCompile("history: refused|panic:")},
	{name: "386", variant: narrow, run: "^Test(Property|Cost_TheWord)", checks: 300},
	{name: "race", variant: raced, run: "^TestFapilog"},
	{name: "explore", variant: explored, run: "^TestExplore", skip: "^TestExploreTimer", checks: 1000},
	{name: "timers", variant: explored, run: "^TestExploreTimer_Drawn$"},
}

func layerOf(name string) *layer {
	i := slices.IndexFunc(layers, func(l layer) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return &layers[i]
}

// possible reports whether this host can run the layer. Not every one can run 386 programs.
func (l *layer) possible() bool { return l.variant != narrow || runs386() }

// runs386 reports whether a 386 program runs here.
var runs386 = sync.OnceValue(func() bool {
	program := exec.Command("go", "run", "./internal/run386")
	program.Dir = root
	program.Env = append(os.Environ(), narrow.env...)
	return program.Run() == nil
})

// bench builds and runs the tests with some files replaced, and leaves the tree alone.
type bench struct {
	dir      string // of its own
	overlay  string
	binaries map[*variant]string
}

// errBuild says that the tests with a mutant did not compile: that kills nothing.
var errBuild = errors.New("does not compile")

// newBench prepares a bench in dir on which the given files are replaced.
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
	build.Dir = root
	build.Env = append(os.Environ(), v.env...)
	turns.RLock()
	defer turns.RUnlock()
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %w\n%s", errBuild, err, said)
	}
	b.binaries[v] = binary
	return binary, nil
}

// verdict is what a layer says.
type verdict struct {
	killed bool
	by     string // the test that failed, or how else it ended
	took   time.Duration
	said   string
}

var failed = regexp.MustCompile(`--- FAIL: (\S+)`)

var turns sync.RWMutex

// turn waits until the layer may run, and returns what ends its turn.
func (l *layer) turn() (end func()) {
	if l.alone {
		turns.Lock()
		return turns.Unlock
	}
	turns.RLock()
	return turns.RUnlock
}

// run builds and runs a layer. Its error is that of the build, or of a layer that has no tests.
func (b *bench) run(l *layer) (verdict, error) {
	start := time.Now()
	binary, err := b.build(l.variant)
	if err != nil {
		return verdict{}, err
	}
	limit := "-test.timeout=60s"
	if l.variant == explored { // takes half a minute on an idle machine
		limit = "-test.timeout=5m"
	}
	args := []string{limit, "-test.failfast", "-test.run=" + l.run, "-test.skip=" + l.skip}
	if l.variant.pkg == breaker.pkg || l.checks > 0 {
		args = append(args, "-rapid.nofailfile", "-rapid.seed=1", "-rapid.shrinktime=1ms")
	}
	tests := exec.Command(binary, args...)
	// What the tests themselves build is to have the mutant as well.
	tests.Env = append(os.Environ(), fmt.Sprintf("RAPID_CHECKS=%d", max(1, l.checks)), "EXPLORE_DRAWN=300000",
		"GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+b.overlay))
	tests.Dir = filepath.Join(root, l.variant.pkg)
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
		v.by = "it hangs"
	case found != nil:
		v.by = string(found[1])
	case strings.Contains(v.said, "DATA RACE"):
		v.by = "the race detector"
	case err != nil:
		v.by = err.Error()
	}
	return v, nil
}
