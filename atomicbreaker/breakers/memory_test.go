// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// A registered breaker that has made no transition costs at most 400 bytes more than one that is
// not registered. The runtime keeps weak pointers and cleanups outside of the heap.
func TestMemory_OfARegisteredBreaker(t *testing.T) {
	if underRace() {
		t.Skip("the race detector adds memory of its own")
	}
	const n = 10_000
	perBreaker := func(newBreaker func(string, ...atomicbreaker.Option) (*atomicbreaker.Breaker, error)) float64 {
		before := inUse()
		all := make([]*atomicbreaker.Breaker, n)
		for i := range all {
			all[i], _ = newBreaker("loki")
		}
		used := inUse() - before
		runtime.KeepAlive(all)
		return float64(used) / n
	}
	r := breakers.NewRegistry()
	plain := perBreaker(atomicbreaker.New)
	registered := perBreaker(r.New)
	t.Logf("%.0f bytes a breaker, %.0f registered", plain, registered)
	require.LessOrEqual(t, registered-plain, 400.0)
	runtime.KeepAlive(r)
}

// inUse returns the bytes in use, in the heap and of the runtime's own records.
func inUse() int64 {
	var m runtime.MemStats
	for range 3 { // the second collection frees what the first one's cleanups released
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.OtherSys + m.GCSys)
}
