// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// retrying is the breaker's loop over the same Next, with a count of the swaps and of those that
// failed. The breaker itself counts nothing, because a counter would be a second contended word.
// Here each call returns its own counts.
type retrying struct {
	word   atomic.Uint64
	params word.Params
}

func (b *retrying) post(kind word.Kind) (swaps, failed int) {
	for {
		old := word.Word(b.word.Load())
		next := word.Next(old, word.Event{Kind: kind}, &b.params)
		if next == old {
			return swaps, failed
		}
		swaps++
		if b.word.CompareAndSwap(uint64(old), uint64(next)) {
			return swaps, failed
		}
		failed++
	}
}

// flaky makes n calls, of which one in every fails, and returns how many swaps that took.
func (b *retrying) flaky(n, every int) (swaps, failed int) {
	left := every
	for range n {
		kind := word.Success
		left--
		if left == 0 {
			kind, left = word.Failure, every
		}
		s, f := b.post(kind)
		swaps += s
		failed += f
	}
	return swaps, failed
}

// BenchmarkRetries measures counts; its times mean nothing. On two cores at most one other call can
// come between the load and the swap of a call that is not interrupted.
func BenchmarkRetries(b *testing.B) {
	for _, c := range []struct {
		share string
		every int
	}{{"0.1%", 1000}, {"1%", 100}, {"25%", 4}, {"50%", 2}} {
		for _, g := range []int{2, 64} {
			b.Run(fmt.Sprintf("impl=atomic/fails=%s/g=%d", c.share, g), func(b *testing.B) {
				breaker := &retrying{params: scenario.FlakyScene.Params()}
				breaker.params.FailureLimit = 1 << 30
				var swaps, failed atomic.Int64
				scenario.Spread(func(n int) {
					s, f := breaker.flaky(n, c.every)
					swaps.Add(int64(s))
					failed.Add(int64(f))
				}, b.N, g, b.ResetTimer)
				b.ReportMetric(float64(swaps.Load())/float64(b.N), "swaps/op")
				b.ReportMetric(float64(failed.Load())/float64(b.N), "retries/op")
			})
		}
	}
}

func TestRetrying_CountsSwaps(t *testing.T) {
	b := &retrying{params: scenario.FlakyScene.Params()}
	swaps, failed := b.flaky(400, 100)
	assert.Equal(t, 4+3, swaps, "each failure, and each success after one")
	assert.Zero(t, failed, "a swap failed without contention")
}
