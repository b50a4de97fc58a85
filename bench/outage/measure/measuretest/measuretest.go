// SPDX-License-Identifier: Apache-2.0

// Package measuretest makes up results for tests.
package measuretest

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
)

// The guards of the demo.
var (
	NoBreaker     = measure.Guard{Name: "none", Label: "no breaker"}
	Failover      = measure.Guard{Name: "failover", Label: "slog-multi failover"}
	Gobreaker     = measure.Guard{Name: "gobreaker", Label: "gobreaker", HasBreaker: true}
	AtomicBreaker = measure.Guard{
		Name: "atomicbreaker", Label: "atomicbreaker", IsJudged: true,
		HasBreaker: true, HasReasons: true, HasSpool: true,
	}

	Guards = []measure.Guard{NoBreaker, Failover, Gobreaker, AtomicBreaker}
)

// Plan is that of the demo without flags.
func Plan() measure.Plan {
	return measure.Plan{
		Duration: 12 * time.Second, Timeout: 250 * time.Millisecond, Goroutines: 8, Rate: 2000,
	}
}

// Ran is the result of a run with a second of records every phase, made up.
func Ran(of measure.Guard, inHang measure.Counts) measure.Result {
	p := Plan()
	now := measure.Counts{}
	rec := measure.NewRecorder(p.Duration, func() measure.Counts { return now })
	for ph := range measure.Phases + 1 {
		rec.Marks[ph] = measure.Mark{Set: true, At: ph.At(p.Duration), Counts: now}
		took := uint64(0)
		if ph < measure.Phases {
			took = uint64((ph+1).At(p.Duration)-ph.At(p.Duration)) / uint64(time.Second/2000)
		}
		switch ph {
		case measure.Hang:
			now = plus(now, inHang)
		case measure.Dead:
			now = plus(now, measure.Counts{
				Offered: took, Returned: took, Diverted: took, Tried: 7, Failed: 7, Probes: 2,
			})
		default:
			now = plus(now, measure.Counts{
				Offered: took, Returned: took, Acknowledged: took, Tried: took,
			})
		}
	}
	r := measure.Result{Plan: p, Guard: of, Recorder: rec}
	r.Verdict.Offered = int(now.Offered)
	return r
}

// plus adds counts. They wrap around, as unsigned numbers do.
func plus(c, d measure.Counts) measure.Counts { return c.Minus(measure.Counts{}.Minus(d)) }
