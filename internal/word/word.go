// SPDX-License-Identifier: Apache-2.0

// Package word is the state machine of a circuit breaker: its whole state in one uint64, and the
// function that returns the next state.
//
// The package is pure. The atomic that stores a Word, the timers and the hooks are in package
// atomicbreaker, which computes words only with [Next] and its part [Word.Counted]. The invariants
// I1, I2, … are numbered in CONCURRENCY.md.
package word

// Word is the whole state of a breaker. It is a value: copy it freely, compare it with ==.
//
//	 63   61 60        37 36      32 31           16 15        8 7         0
//	+-------+------------+----------+---------------+-----------+-----------+
//	| phase | generation | attempt  |   failures    | half-open | half-open |
//	| 3 bits|  24 bits   |  5 bits  |   16 bits     | calls  8b | succ.  8b |
//	+-------+------------+----------+---------------+-----------+-----------+
//	 6, 7:    wraps into   saturates   saturates      1..max:     below the
//	 invalid  nothing      at 31       at 65,535      checked     threshold
//
// The zero Word is a closed breaker that has counted nothing. Next accepts each of the 2^64 values.
// It does not repair a word that no sequence of calls produces, but Reset closes the breaker from
// any word.
type Word uint64

// The layout, from bit 0 up. Everything else follows from the widths.
const (
	successesWidth  = 8
	callsWidth      = 8
	failuresWidth   = 16
	attemptWidth    = 5
	generationWidth = 24
	phaseWidth      = 3

	successesShift  = 0
	callsShift      = successesShift + successesWidth
	failuresShift   = callsShift + callsWidth
	attemptShift    = failuresShift + failuresWidth
	generationShift = attemptShift + attemptWidth
	phaseShift      = generationShift + generationWidth

	successesMask  Word = MaxSuccesses << successesShift
	callsMask      Word = MaxCalls << callsShift
	failuresMask   Word = MaxFailures << failuresShift
	attemptMask    Word = MaxAttempt << attemptShift
	generationMask Word = MaxGeneration << generationShift
	phaseMask      Word = (1<<phaseWidth - 1) << phaseShift
)

// The fields fill the word: no bit is left over, and none is used twice.
var _ [phaseShift + phaseWidth]struct{} = [64]struct{}{}

// The largest value of each field.
const (
	MaxSuccesses  = 1<<successesWidth - 1
	MaxCalls      = 1<<callsWidth - 1
	MaxFailures   = 1<<failuresWidth - 1
	MaxAttempt    = 1<<attemptWidth - 1
	MaxGeneration = 1<<generationWidth - 1
)

// Phase decides what the breaker does with a call. It is finer than the public state: Cooling and
// Due are both open, but only Due admits the next call.
type Phase uint8

// The six phases. The first two admit a call, the next two may, and the last two reject it. Closed
// is 0, so that the test for a healthy breaker is one mask.
const (
	Closed       Phase = iota // calls are admitted, failures are counted
	ForcedClosed              // held closed by an operator
	Due                       // open, the recovery timeout is over: the next call becomes a probe
	HalfOpen                  // a bounded number of probes is in flight
	ForcedOpen                // held open by an operator
	Cooling                   // open, the recovery timeout is running
)

// Fields are the six parts of a Word.
type Fields struct {
	Phase                                           Phase
	Generation, Attempt, Failures, Calls, Successes uint32
}

// Pack returns the word with the given fields. A value that does not fit loses its upper bits, or
// saturates if the field does.
func Pack(f Fields) Word {
	return Word(0).withPhase(f.Phase).withGeneration(f.Generation).withAttempt(f.Attempt).
		withFailures(f.Failures).withCalls(f.Calls).withSuccesses(f.Successes)
}

// Fields returns the parts of w.
func (w Word) Fields() Fields {
	return Fields{w.Phase(), w.Generation(), w.Attempt(), w.Failures(), w.Calls(), w.Successes()}
}

// Phase returns the phase. Nothing reaches 6 and 7.
func (w Word) Phase() Phase { return Phase(w >> phaseShift) }

// Generation returns the number of published transitions so far, modulo 2^24. It wraps to 0 without
// touching its neighbor, because the carry is masked off (I4).
func (w Word) Generation() uint32 { return uint32(w & generationMask >> generationShift) }

// Attempt returns the number of recoveries since the sink was last stable. It saturates at 31,
// where any back-off has reached its cap.
func (w Word) Attempt() uint32 { return uint32(w & attemptMask >> attemptShift) }

// Failures returns the failure count in units of weight: what has been counted while closed, and
// what tripped the breaker while open and half-open. It saturates at 65,535, and no limit is above
// that.
func (w Word) Failures() uint32 { return uint32(w & failuresMask >> failuresShift) }

// Calls returns the number of probes in flight: at most Params.MaxCalls, and 0 unless half-open.
func (w Word) Calls() uint32 { return uint32(w & callsMask >> callsShift) }

// Successes returns the number of probes that succeeded in this half-open period: below
// Params.SuccessThreshold, because the success that reaches it closes the breaker, and 0 unless
// half-open.
func (w Word) Successes() uint32 { return uint32(w & successesMask >> successesShift) }

// The tests of the hot path are comparisons with these constants. A method would not fit the
// inliner's budget.
const (
	// MaxClosed is the largest word of a closed breaker: the phase is on top and Closed is 0. Every
	// word up to it admits a call, whatever its counts.
	MaxClosed Word = 1<<phaseShift - 1

	// Unhealthy masks the bits that are 0 in a healthy breaker: the phase and the failures. If they
	// are, a success of any generation changes nothing.
	Unhealthy = phaseMask | failuresMask

	// MaxAdmitting is the largest word that may admit a call. A word above it rejects every call,
	// and Allow does not change it, whatever the limits.
	MaxAdmitting = Word(ForcedOpen)<<phaseShift - 1

	// MaxWord is the word of all ones. No breaker has it (I5).
	MaxWord = ^Word(0)
)

// Admits reports whether w admits a call without a change of the word.
func (w Word) Admits() bool { return w.Phase() == Closed || w.Phase() == ForcedClosed }

// Rejects reports whether w rejects a call without a change of the word, whatever the limits.
func (w Word) Rejects() bool { return w > MaxAdmitting }

// Open reports whether the public state is Open.
func (w Word) Open() bool { return w.Phase() == Cooling || w.Phase() == Due }

// The with methods return w with one field replaced. Failures and attempts saturate. Next passes
// only values that fit the other fields; the masks keep any other value out of the neighbors (I4).

func (w Word) withPhase(p Phase) Word {
	return w&^phaseMask | Word(p)<<phaseShift&phaseMask
}

func (w Word) withGeneration(g uint32) Word {
	return w&^generationMask | Word(g)<<generationShift&generationMask
}

func (w Word) withAttempt(n uint32) Word {
	return w&^attemptMask | Word(min(n, MaxAttempt))<<attemptShift
}

func (w Word) withFailures(n uint32) Word {
	return w&^failuresMask | Word(min(n, MaxFailures))<<failuresShift
}

func (w Word) withCalls(n uint32) Word {
	return w&^callsMask | Word(n)<<callsShift&callsMask
}

func (w Word) withSuccesses(n uint32) Word {
	return w&^successesMask | Word(n)<<successesShift&successesMask
}
