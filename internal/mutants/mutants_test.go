// SPDX-License-Identifier: Apache-2.0

//go:build mutants

package mutants

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/atomic"
)

// The environment selects, by regular expressions, the mutants to run and the layers to try on
// every mutant (MATRIX=. tries all of them, for hours).
var wanted, matrix *regexp.Regexp

// checkOnly is set by ONLY=1. It selects the mutants marked only, and requires that no other layer
// notices them. Because all layers run, this takes as long as all mutants without it.
var checkOnly = os.Getenv("ONLY") != ""

// TestMutants breaks the library in one way after another. It fails if the layer that must notice
// does not, or if a layer notices that, by the table, cannot. First the unbroken library must pass
// every layer, so that a test that fails anyway kills nothing.
func TestMutants(t *testing.T) {
	start := time.Now()
	var err error
	wanted, err = regexp.Compile(os.Getenv("MUTANTS"))
	require.NoError(t, err, "MUTANTS")
	matrix, err = regexp.Compile(cmp.Or(os.Getenv("MATRIX"), "^$"))
	require.NoError(t, err, "MATRIX")
	var chosen, compiled []mutant
	for _, m := range table(t) {
		if l := layerOf(m.layer); l == nil {
			require.Failf(t, "no such layer", "%s: %q", m.name, m.layer)
		} else if !wanted.MatchString(m.name) || checkOnly && !m.only {
			continue
		} else if l.possible() {
			chosen = append(chosen, m)
		} else {
			compiled = append(compiled, m)
		}
	}
	require.NotEmpty(t, slices.Concat(chosen, compiled), "no mutant matches MUTANTS=%s", wanted)
	for i := range compiled {
		compiled[i].compile(t)
	}
	unbroken(t, chosen)
	var killed, onlyThere atomic.Int32
	inPairs(len(chosen), func(i int) {
		m := &chosen[i]
		dead, alone := m.fate(t)
		if dead {
			killed.Inc()
		}
		if alone {
			onlyThere.Inc()
		}
	})
	fmt.Printf("%d mutants, %d killed, in %v\n", len(chosen), killed.Load(), time.Since(start).Round(time.Second))
	require.EqualValues(t, len(chosen), killed.Load(), "mutants survive")
	if checkOnly {
		require.EqualValues(t, len(chosen), onlyThere.Load(), "other layers notice some of them")
	}
}

// inPairs calls do for 0..n-1, two at a time.
func inPairs(n int, do func(i int)) {
	var next atomic.Int32
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := int(next.Inc()) - 1; i < n; i = int(next.Inc()) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

// unbroken requires that the relevant layers pass on the unbroken library.
func unbroken(t *testing.T, chosen []mutant) {
	t.Helper()
	b, err := newBench(t.TempDir(), nil)
	require.NoError(t, err)
	for i := range layers {
		l := &layers[i]
		if slices.ContainsFunc(chosen, func(m mutant) bool { return m.layer == l.name || m.runs(l) }) {
			v, err := b.run(l)
			require.NoError(t, err)
			require.False(t, v.killed, "%s fails without any mutant\n%s", l.name, v.said)
			fmt.Printf("passes     %-46s %-16s %5.1f s  %s\n", "(no mutant)", l.name, v.took.Seconds(), v.by)
		}
	}
}

// compile builds the tests of m's layer if this host cannot run them.
func (m *mutant) compile(t *testing.T) {
	t.Helper()
	files, err := m.apply(readFile)
	require.NoError(t, err, m.name)
	b, err := newBench(t.TempDir(), files)
	require.NoError(t, err, m.name)
	_, err = b.build(layerOf(m.layer).variant)
	require.NoError(t, err, m.name)
	fmt.Printf("compiled   %-46s the %s layer cannot run here\n", m.name, m.layer)
}

// fate runs the relevant layers on m. dead reports whether the layer that must notice does, and
// alone whether no other layer does.
func (m *mutant) fate(t *testing.T) (dead, alone bool) {
	t.Helper()
	files, err := m.apply(readFile)
	if err != nil {
		t.Errorf("%s no longer applies: %v", m.name, err)
		return false, false
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		t.Errorf("%s: %v", m.name, err)
		return false, false
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := newBench(dir, files)
	if err != nil {
		t.Errorf("%s: %v", m.name, err)
		return false, false
	}
	v, err := b.run(layerOf(m.layer))
	if err != nil {
		t.Errorf("%s: %v", m.name, err)
		return false, false
	}
	what := "SURVIVES"
	if dead = v.killed; dead {
		what = "killed"
	}
	others, ok := m.others(t, b)
	fmt.Printf("%-10s %-46s %-16s %5.1f s  %s%s\n", what, m.name, m.layer, v.took.Seconds(), v.by, others)
	return dead, ok
}

// runs reports whether to run l on m, although l need not notice.
func (m *mutant) runs(l *layer) bool {
	return l.name != m.layer && l.possible() && (checkOnly || matrix.MatchString(l.name))
}

// others runs the other layers if that matters, and reports whether none of them notices.
func (m *mutant) others(t *testing.T, b *bench) (said string, none bool) {
	t.Helper()
	var also []string
	for i := range layers {
		l := &layers[i]
		if !m.runs(l) {
			continue
		}
		v, err := b.run(l)
		if err != nil {
			t.Errorf("%s, %s: %v", m.name, l.name, err)
			return "", false
		}
		if v.killed {
			also = append(also, fmt.Sprintf("%s (%s)", l.name, v.by))
		}
	}
	if len(also) == 0 {
		if checkOnly {
			said = ", by no other layer"
		}
		return said, true
	}
	return ", also by " + strings.Join(also, ", "), false
}
