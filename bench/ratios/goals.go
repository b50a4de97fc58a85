// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// side is one of the two things that a ratio compares.
type side struct {
	scenario scenario.Scenario
	impl     string
}

// sides returns the given implementations of one scenario. A goal compares with the fastest of
// them.
func sides(s scenario.Scenario, impls ...string) []side {
	all := make([]side, len(impls))
	for i, impl := range impls {
		all[i] = side{s, impl}
	}
	return all
}

// goal is a documented ratio: the highest cost of a call of one side in calls of the other. With
// several goroutines it is a ratio of elapsed times.
type goal struct {
	name       string
	ours       side
	references []side  // the fastest of them
	limit      float64 // 0: not promised, measured to explain the one above
	goroutines int     // 0: one
}

const ours = "atomic"

// libraries returns the libraries that have a loop for s.
func libraries(s scenario.Scenario) []side {
	var all []side
	for _, subject := range rivals.Libraries {
		if subject.All()[s] != nil {
			all = append(all, side{s, subject.Name})
		}
	}
	return all
}

// counting returns the libraries that count consecutive failures and clear them at a success, which
// a test verifies. Each is measured in the faster of its forms.
func counting() []side {
	var all []side
	for _, s := range []scenario.Scenario{scenario.Do, scenario.Permit} {
		for _, subject := range rivals.Libraries {
			if subject.Rule == scenario.Consecutive && subject.All()[s] != nil {
				all = append(all, side{s, subject.Name})
			}
		}
	}
	return all
}

// The names give the form of the call: pair is Allow and RecordSuccess, permit is TryAcquire and
// the permit's methods.
//
// Some limits allow for differences between processors. An uncontended lock and unlock took 8.7 ns
// on one AMD EPYC and 25 on another, and the calls that are compared with it took the same time on
// both. So two limits are 0.8 and 0.08, where the second machine shows 0.21 and 0.02. A permit took
// 4.5 times as long as two loads on the first and 3.3 times on the second.
var goals = []goal{
	{"healthy pair / two atomic loads", side{scenario.Pair, ours}, sides(scenario.Pair, "load"), 1.25, 1},
	{"  the same / its loads and branches written by hand", side{scenario.Pair, ours}, sides(scenario.Pair, "hand"), 0, 1},
	{"healthy permit / two atomic loads", side{scenario.Permit, ours}, sides(scenario.Permit, "load"), 5, 1},
	{"healthy Do / healthy mutex pair", side{scenario.Do, ours}, sides(scenario.Pair, "mutex"), 0.8, 1},
	{"healthy pair / the same behind a sync.Mutex", side{scenario.Pair, ours}, sides(scenario.Pair, "mutex"), 0.08, 1},

	{"healthy Do / the fastest rival's", side{scenario.Do, ours}, libraries(scenario.Do), 1, 1},
	{"healthy pair / the fastest that counts consecutively", side{scenario.Pair, ours}, counting(), 0.1, 1},
	{"  healthy permit / the same", side{scenario.Permit, ours}, counting(), 0, 1},

	{"rejecting Allow / reading the clock", side{scenario.Reject, ours}, sides(scenario.Reject, "clock"), 0.15, 1},
	{"rejecting Do / the fastest rival's", side{scenario.RejectDo, ours}, libraries(scenario.RejectDo), 1, 1},
	{"rejecting permit / the fastest rival's", side{scenario.RejectPermit, ours}, libraries(scenario.RejectPermit), 1, 1},

	{"recovery herd, 64 goroutines / mutex", side{scenario.Herd, ours}, sides(scenario.Herd, "mutex"), 1, 64},
	{"storm of failures, 2 goroutines / mutex", side{scenario.Storm, ours}, sides(scenario.Storm, "mutex"), 1, 2},
	{"flaky at 1 %, 2 goroutines / mutex", side{scenario.Flaky100, ours}, sides(scenario.Flaky100, "mutex"), 0.25, 2},

	// A Writer takes 124 instructions and a log call more than 5,000, so the best possible ratio is
	// about 1.02. Five runs on one machine measured 1.003 to 1.054.
	{"slog to nowhere, guarded by breakerio / bare", side{scenario.SlogDiscard, "breakerio"}, sides(scenario.SlogDiscard, "bare"), 1.06, 1},
	{"  the same, guarded by a permit in the writer", side{scenario.SlogDiscard, ours}, sides(scenario.SlogDiscard, "bare"), 0, 1},

	// The Writer also survives a panic and a hook that ends the goroutine, rejects writes after
	// Close, and handles torn lines and outages: a deferred function and two loads, 63 instructions
	// of 161. It takes 1.4 to 2.1 times as long.
	{"breakerio.Writer / an io.Writer with just a permit", side{scenario.WriteRecord, "breakerio"}, sides(scenario.WriteRecord, "unsafe"), 2.5, 1},
	{"  the same / the write and a permit in a loop", side{scenario.WriteRecord, "breakerio"}, sides(scenario.WriteRecord, "permit"), 0, 1},
	// A Handler takes 186 instructions more than the bare handler's 5,551, which is 3.4 %. Five runs
	// on one machine measured 1.037 to 1.052; the aim is 1.05.
	{"breakerslog.Handler / the bare JSON handler", side{scenario.LogRecord, "breakerslog"}, sides(scenario.LogRecord, "bare"), 1.06, 1},

	{"slog through a Batcher / into bufio under a mutex", side{scenario.SlogBatch, "batcher"}, sides(scenario.SlogBatch, "bufio"), 1.1, 1},
	// The aim is 1.05. Logger, HTTP client and sink process share the processors here, and a slice
	// of 5 ms ends with a Sync: seven runs on two cores measured 0.92 to 1.15, with a median of 1.08.
	{"slog to a process through a Batcher / no breaker", side{scenario.SlogProcess, "batcher"}, sides(scenario.SlogProcess, "plain"), 1.2, 1},
	{"Batcher, 200 bytes / a pace of 10^7 a second", side{scenario.BatchRecord, "batcher"}, sides(scenario.BatchRecord, "pace"), 1, 1},
	{"  the same / into bufio under a mutex", side{scenario.BatchRecord, "batcher"}, sides(scenario.BatchRecord, "bufio"), 0, 1},
	{"Batcher, 64 goroutines / 5 × 10^6 a second", side{scenario.BatchRecord64, "batcher"}, sides(scenario.BatchRecord64, "pace"), 1, 64},
	{"  the same / into bufio under a mutex", side{scenario.BatchRecord64, "batcher"}, sides(scenario.BatchRecord64, "bufio"), 0, 64},
	{"64 goroutines, a sink of 5 ms, WithWidth(64) / bare", side{scenario.LaneBurst, "breakerio"}, sides(scenario.LaneBurst, "bare"), 1 / 0.9, 1},
	{"breakerio.Lane, one record / two channels", side{scenario.LaneRecord, "breakerio"}, sides(scenario.LaneRecord, "handoff"), 0, 1},

	// An append is a record of 200 bytes; the spool writes a frame of 220.
	{"spool, append / append to a bare file", side{scenario.QueueAppend, "breakerspool"}, sides(scenario.QueueAppend, "file"), 1.5, 1},
	{"  the same / append to tidwall/wal", side{scenario.QueueAppend, "breakerspool"}, sides(scenario.QueueAppend, "tidwall"), 0, 1},
	{"spool, 2 goroutines append / one does", side{scenario.QueueAppend2, "breakerspool"}, sides(scenario.QueueAppend, "breakerspool"), 1.5, 1},
	{"  the same with a bare file", side{scenario.QueueAppend2, "file"}, sides(scenario.QueueAppend, "file"), 0, 1},
}

// unallocated are the paths that must not allocate. A call allocates only to publish a transition,
// to start a timer or to report a slow success.
var unallocated = []side{
	{scenario.Pair, ours},
	{scenario.Permit, ours},
	{scenario.Do, ours},
	{scenario.Reject, ours},
	{scenario.RejectPermit, ours},
	{scenario.RejectDo, ours},
	{scenario.RejectHalfOpen, ours},
	{scenario.Flaky100, ours},
	{scenario.Flaky4, ours},
	{scenario.Flaky100Permit, ours},
	{scenario.Flaky100Do, ours},
	{scenario.WriteRecord, "breakerio"},
	{scenario.LogRecord, "breakerslog"},
	{scenario.LaneRecord, "breakerio"},
}
