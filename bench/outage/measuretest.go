// SPDX-License-Identifier: Apache-2.0

// Package measuretest makes up results for tests.
package main

import "time"

// The guards of the demo.
var (
	mtNoBreaker = guardInfo{name: "none", label: "no breaker"}
	mtFailover  = guardInfo{name: "failover", label: "slog-multi failover"}
	mtGobreaker = guardInfo{name: "gobreaker", label: "gobreaker", hasBreaker: true}
	mtAtomic    = guardInfo{
		name: "atomicbreaker", label: "atomicbreaker", isJudged: true, hasBreaker: true, hasReasons: true,
	}

	mtGuards = []guardInfo{mtNoBreaker, mtFailover, mtGobreaker, mtAtomic}
)

// mtPlan is that of the demo without flags.
func mtPlan() plan {
	return plan{
		duration: 12 * time.Second, timeout: 250 * time.Millisecond, goroutines: 8, rate: 2000,
	}
}

// mtRan is the result of a run with a second of records every phase, made up.
func mtRan(of guardInfo, inHang counts) result {
	p := mtPlan()
	now := counts{}
	rec := newRecorder(p.duration, func() counts { return now })
	for ph := range phases + 1 {
		rec.marks[ph] = mark{true, ph.at(p.duration), now}
		took := uint64(0)
		if ph < phases {
			took = uint64((ph+1).at(p.duration)-ph.at(p.duration)) / uint64(time.Second/2000)
		}
		switch ph {
		case hang:
			now = mtPlus(now, inHang)
		case dead:
			now = mtPlus(now, counts{
				offered: took, returned: took, diverted: took, tried: 7, failed: 7, probes: 2,
			})
		default:
			now = mtPlus(now, counts{offered: took, returned: took, acknowledged: took, tried: took})
		}
	}
	r := result{plan: p, guardInfo: of, recorder: rec}
	r.verdict.offered = int(now.offered)
	return r
}

// mtPlus adds counts. They wrap around, as unsigned numbers do.
func mtPlus(c, d counts) counts { return c.minus(counts{}.minus(d)) }
