// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/sinkguard/go-atomicbreaker/bench"

// side is one of the two things that a ratio compares.
type side struct {
	scenario bench.Scenario
	impl     string
}

// goal is a ratio that is promised: what a call of the one costs, at most, in calls of the other.
type goal struct {
	name      string
	ours      side
	reference side
	limit     float64 // 0: not promised, measured to explain the one above
}

const ours = "atomic"

var goals = []goal{
	{"healthy Allow + RecordSuccess / two atomic loads", side{bench.Pair, ours}, side{bench.Pair, "load"}, 1.25},
	{"  the same / its loads and branches written by hand", side{bench.Pair, ours}, side{bench.Pair, "hand"}, 0},
	{"healthy TryAcquire + Success / two atomic loads", side{bench.Permit, ours}, side{bench.Permit, "load"}, 4},
	{"healthy Do / healthy mutex pair", side{bench.Do, ours}, side{bench.Pair, "mutex"}, 0.5},
	{"Allow on an open breaker / reading the clock", side{bench.RejectOpen, ours}, side{bench.RejectOpen, "clock"}, 0.15},
	{"healthy pair / the same pair behind a sync.Mutex", side{bench.Pair, ours}, side{bench.Pair, "mutex"}, 0.05},
	{"breakerio.Writer / an io.Writer with just a permit", side{bench.WriteRecord, "guarded"}, side{bench.WriteRecord, "bare"}, 1.5},
	{"  the same / the write and a permit in a loop", side{bench.WriteRecord, "guarded"}, side{bench.WriteRecord, "permit"}, 0},
	{"breakerslog.Handler / the bare JSON handler", side{bench.LogRecord, "guarded"}, side{bench.LogRecord, "bare"}, 1.05},
}

// unallocated are the paths that must not allocate: all that the goals time, and all others but a published transition.
var unallocated = []side{
	{bench.Pair, ours},
	{bench.Permit, ours},
	{bench.Do, ours},
	{bench.RejectOpen, ours},
	{bench.RejectHalfOpen, ours},
	{bench.Flaky100, ours},
	{bench.Flaky4, ours},
	{bench.WriteRecord, "guarded"},
	{bench.LogRecord, "guarded"},
}
