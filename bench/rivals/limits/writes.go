// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Bare has no breaker.
var Bare = scenario.Subject{
	Name: "bare",
	Loops: scenario.Merge(
		scenario.LogLoops(func(w io.Writer) io.Writer { return w }),
		scenario.Loops{
			scenario.LogRecord: func() scenario.Loop {
				return scenario.HandleLoop(scenario.NewJSON())
			},
			scenario.WriteRecord: func() scenario.Loop {
				return scenario.WriteLoop(scenario.Nowhere{})
			},
			scenario.LaneBurst: func() scenario.Loop {
				return scenario.BurstLoop(scenario.Sleeper{})
			},
		},
	),
}

// Unsafe is an io.Writer that takes a permit, writes and reports. It is unsafe because it loses a
// record whose sink panics.
var Unsafe = scenario.Subject{Name: "unsafe", Loops: scenario.Loops{
	scenario.WriteRecord: func() scenario.Loop {
		b := atomic.New(scenario.UsualScene)
		return scenario.WriteLoop(&unsafeWriter{b, scenario.Nowhere{}, scenario.Nowhere{}})
	},
}}

// Permit is Unsafe without a method around it. The difference between the two is the cost of being
// an io.Writer.
var Permit = scenario.Subject{Name: "permit", Loops: scenario.Loops{
	scenario.WriteRecord: func() scenario.Loop {
		return permitLoop(atomic.New(scenario.UsualScene), scenario.Nowhere{})
	},
}}

// unsafeWriter is a guarded writer that ignores panics.
type unsafeWriter struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback io.Writer
}

func (w *unsafeWriter) Write(p []byte) (int, error) {
	permit, ok := w.breaker.TryAcquire()
	if !ok {
		return w.fallback.Write(p)
	}
	n, err := w.primary.Write(p)
	if err != nil || n < len(p) {
		permit.Failure()
		return w.fallback.Write(p)
	}
	permit.Success()
	return n, nil
}

//go:noinline
func permitLoop(b *atomicbreaker.Breaker, w io.Writer) scenario.Loop {
	record := []byte("a record\n")
	return func(n int) {
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(scenario.UnexpectedReject)
			}
			if _, err := w.Write(record); err != nil {
				panic(scenario.Failed)
			}
			p.Success()
		}
	}
}
