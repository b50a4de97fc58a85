// SPDX-License-Identifier: Apache-2.0

package goroutines_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/goroutines"
)

func waits(end chan struct{}) { <-end }

// Count includes waiting goroutines, also when their traces need more than the first buffer, and
// excludes those that have ended.
func TestCount(t *testing.T) {
	const some = 1000
	synctest.Test(t, func(t *testing.T) {
		before := goroutines.Count(goroutines.Bubble)
		assert.Positive(t, before)
		end := make(chan struct{})
		for range some {
			go waits(end)
		}
		synctest.Wait()
		assert.Equal(t, before+some, goroutines.Count(goroutines.Bubble))
		assert.Equal(t, some, goroutines.Count("goroutines_test.waits("))
		close(end)
		synctest.Wait()
		assert.Equal(t, before, goroutines.Count(goroutines.Bubble))
		assert.Zero(t, goroutines.Count("goroutines_test.waits("))
	})
}
