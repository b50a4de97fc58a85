// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"errors"
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Scene is the configuration of a breaker. An implementation that cannot be configured like this
// says so in its package comment. Nothing in a scene depends on time: the recovery timeout is an
// hour, or the shortest possible one where a scenario opens the breaker over and over, and probes
// never time out.
type Scene struct {
	Threshold, Probes, Successes int

	// DueAtOnce selects the shortest recovery timeout. This library's is 0, with which it starts no
	// timer, as the controls do.
	DueAtOnce bool
}

// The scenes of the scenarios.
var (
	UsualScene    = Scene{Threshold: CycleLength, Probes: 1, Successes: 1}
	HalfOpenScene = Scene{Threshold: CycleLength, Probes: 1, Successes: 1, DueAtOnce: true}

	// FlakyScene never trips, however many goroutines fail in a row.
	FlakyScene = Scene{Threshold: word.MaxFailures, Probes: 1, Successes: 1}

	StormScene = Scene{Threshold: StormLength, Probes: 1, Successes: 1, DueAtOnce: true}

	// HerdScene stays half-open: the probes never close it, because one in HerdLength fails, and it
	// is due again at once.
	HerdScene = Scene{Threshold: 1, Probes: 4, Successes: word.MaxSuccesses, DueAtOnce: true}
)

// The numbers of calls after which a scenario repeats itself.
const (
	StormLength = 100
	HerdLength  = 50
	CycleLength = 5
)

// LargeThreshold is Threshold for implementations that accept any number. In FlakyScene it is
// larger.
func (s Scene) LargeThreshold() int {
	if s.Threshold == word.MaxFailures {
		return math.MaxInt32
	}
	return s.Threshold
}

// Timeout is the recovery timeout for implementations in which 0 selects a default.
func (s Scene) Timeout() time.Duration {
	if s.DueAtOnce {
		return time.Nanosecond
	}
	return time.Hour
}

// Params is the scene as the state machine of this library takes it.
func (s Scene) Params() word.Params {
	return word.Params{
		FailureLimit: uint32(s.Threshold), FailureWeight: 1, SuccessWeight: word.MaxFailures,
		MaxCalls: uint32(s.Probes), SuccessThreshold: uint32(s.Successes), DueAtOnce: s.DueAtOnce,
	}
}

// ErrSink is the error of a sink, ErrRejected that of a guarded writer that rejects.
var (
	ErrSink     = errors.New("the sink failed")
	ErrRejected = errors.New("rejected")
)
