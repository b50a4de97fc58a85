// SPDX-License-Identifier: Apache-2.0

package word

import (
	"fmt"
	"math/bits"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLayout pins the position of each field. It repeats the widths, because a test that derived
// them would agree with any layout.
func TestLayout(t *testing.T) {
	var together Word
	for _, field := range []struct {
		name         string
		mask         Word
		shift, width int
	}{
		{"successes", successesMask, 0, 8},
		{"calls", callsMask, 8, 8},
		{"failures", failuresMask, 16, 16},
		{"attempt", attemptMask, 32, 5},
		{"generation", generationMask, 37, 24},
		{"phase", phaseMask, 61, 3},
	} {
		assert.Equal(t, field.shift, bits.TrailingZeros64(uint64(field.mask)), field.name)
		assert.Equal(t, field.width, bits.OnesCount64(uint64(field.mask)), field.name)
		assert.Zero(t, together&field.mask, "%s overlaps a field below it", field.name)
		together |= field.mask
	}
	assert.Equal(t, ^Word(0), together, "the fields cover the word")
}

// TestFields sets each field to both extremes in a word of zeros and in one of ones, and checks all
// fields (I4).
func TestFields(t *testing.T) {
	type fields [6]uint32
	read := func(w Word) fields {
		f := w.Fields()
		return fields{uint32(f.Phase), f.Generation, f.Attempt, f.Failures, f.Calls, f.Successes}
	}
	largest := fields{7, MaxGeneration, MaxAttempt, MaxFailures, MaxCalls, MaxSuccesses}
	set := [6]func(Word, uint32) Word{
		func(w Word, n uint32) Word { return w.withPhase(Phase(n)) },
		Word.withGeneration, Word.withAttempt, Word.withFailures, Word.withCalls, Word.withSuccesses,
	}
	for _, ground := range []Word{0, ^Word(0)} {
		assert.Equal(t, ground, Pack(ground.Fields()))
		for i := range set {
			for _, n := range []uint32{0, 1, largest[i] / 2, largest[i]} {
				want := read(ground)
				want[i] = n
				assert.Equal(t, want, read(set[i](ground, n)), "field %d set to %d", i, n)
			}
			over := read(set[i](ground, largest[i]+1))
			for j := range over {
				if j != i {
					assert.Equal(t, read(ground)[j], over[j], "field %d set to %d carries into field %d", i, largest[i]+1, j)
				}
			}
		}
	}
	assert.EqualValues(t, MaxAttempt, Word(0).withAttempt(MaxAttempt+1).Attempt(), "attempt saturates")
	assert.EqualValues(t, MaxFailures, Word(0).withFailures(MaxFailures+1).Failures(), "failures saturate")
	assert.Zero(t, Word(0).withGeneration(MaxGeneration+1), "the generation wraps")
}

// TestQuestions checks the predicates of the hot path on words of every phase, clean and with every
// other bit set.
func TestQuestions(t *testing.T) {
	for p := range Phase(8) {
		for _, w := range []Word{Word(0).withPhase(p), (^Word(0)).withPhase(p)} {
			assert.Equal(t, p == Closed, w <= MaxClosed, "%x", w)
			assert.Equal(t, p == Closed || p == ForcedClosed, w.Admits(), "%x", w)
			assert.Equal(t, p != HalfOpen && p != Due && !w.Admits(), w.Rejects(), "%x", w)
			assert.Equal(t, p == Closed && w.Failures() == 0, w&Unhealthy == 0, "%x", w)
		}
	}
}

// TestGoldenWords reads words that were recorded once, so that the layout cannot change unnoticed.
func TestGoldenWords(t *testing.T) {
	file, err := os.ReadFile("../../testdata/words.golden")
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var w Word
		var p Phase
		var generation, attempt, failures, calls, successes uint32
		_, err := fmt.Sscan(line, &w, &p, &generation, &attempt, &failures, &calls, &successes)
		require.NoError(t, err, line)
		assert.Equal(t, w, Pack(Fields{p, generation, attempt, failures, calls, successes}), line)
		n++
	}
	assert.GreaterOrEqual(t, n, 16, "words in the file")
}
