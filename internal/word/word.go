// SPDX-License-Identifier: Apache-2.0

// Package word holds what a circuit breaker is, in one uint64, and the one function that says how it changes.
//
// Everything here is pure: values go in, values come out. The atomic that stores a Word, the timers and the hooks live
// in package atomicbreaker, which never computes a word but by [Next] and its part [Word.Counted]. Invariants cited as I1, I2, … are numbered in
// CONCURRENCY.md.
package word

// Word is the whole state of a breaker: a value, copied freely, compared with ==.
//
//	 63   61 60        37 36      32 31           16 15        8 7         0
//	+-------+------------+----------+---------------+-----------+-----------+
//	| phase | generation | attempt  |   failures    | half-open | half-open |
//	| 3 bits|  24 bits   |  5 bits  |   16 bits     | calls  8b | succ.  8b |
//	+-------+------------+----------+---------------+-----------+-----------+
//	 6, 7:    wraps into   saturates   saturates      1..max:     below the
//	 invalid  nothing      at 31       at 65,535      checked     threshold
//
// The zero Word is a closed breaker that has seen nothing. Any of the 2^64 values is a Word and Next accepts it; those
// that no history of calls produces are never repaired silently, and Reset leads out of each of them.
type Word uint64

// The layout, from bit 0 up. Only the widths are chosen; all else follows from them.
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

// Phase says what the breaker does with a call. It is finer than the public state: Cooling and Due are both open, and
// only the latter lets the next caller through.
type Phase uint8

// The six phases, in the order of what a call meets: the first two admit it, the next two may, the
// last two reject it. Closed is 0, so that the test for a healthy breaker is one mask.
const (
	Closed       Phase = iota // calls pass, failures are counted
	ForcedClosed              // held closed by an operator
	Due                       // open, the recovery timeout is over: the next caller becomes a probe
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

// Phase returns what the breaker is. Changed by every row of Next's table that names another phase; 6 and 7 are reached
// by nothing.
func (w Word) Phase() Phase { return Phase(w >> phaseShift) }

// Generation returns the number of published transitions so far, modulo 2^24. It lies below nothing but the phase, and
// the carry of its last increment is masked off: it wraps to 0 and touches no neighbour (I4).
func (w Word) Generation() uint32 { return uint32(w & generationMask >> generationShift) }

// Attempt returns the recoveries that did not last since the sink was last stable. It saturates at
// 31, where any back-off has long met its cap.
func (w Word) Attempt() uint32 { return uint32(w & attemptMask >> attemptShift) }

// Failures returns the failure count in units of weight: while closed what has been counted, while open and half-open
// what tripped the breaker. It stays at 65,535 once there, and no limit is above that.
func (w Word) Failures() uint32 { return uint32(w & failuresMask >> failuresShift) }

// Calls returns the probes in flight, 0 in every phase but HalfOpen. It is at most Params.MaxCalls, which fits.
func (w Word) Calls() uint32 { return uint32(w & callsMask >> callsShift) }

// Successes returns the probes that succeeded in this half-open period, 0 in every phase but HalfOpen. It is below
// Params.SuccessThreshold, which fits: the success that reaches the threshold closes the breaker instead.
func (w Word) Successes() uint32 { return uint32(w & successesMask >> successesShift) }

// The questions of the hot path, as constants: a method would not fit the inliner's budget.
const (
	// MaxClosed is the largest word of a closed breaker: the phase is on top and Closed is 0. A call passes at any word
	// up to it, whatever has been counted.
	MaxClosed Word = 1<<phaseShift - 1

	// Unhealthy masks what a healthy breaker has not: a phase other than Closed, a failure. Where it meets no bit, a
	// success changes nothing, whatever generation it comes from.
	Unhealthy = phaseMask | failuresMask

	// MaxAdmitting is the largest word that may admit a call. A word above it rejects every call and
	// does not change by it, whatever the limits are.
	MaxAdmitting = Word(ForcedOpen)<<phaseShift - 1

	// MaxWord is the word of all ones. No breaker has it (I5).
	MaxWord = ^Word(0)
)

// Admits reports whether a call passes without changing the word.
func (w Word) Admits() bool { return w.Phase() == Closed || w.Phase() == ForcedClosed }

// Rejects reports whether a call is turned away without changing the word, whatever the limits are.
func (w Word) Rejects() bool { return w > MaxAdmitting }

// Open reports whether the breaker is open to its callers and not forced.
func (w Word) Open() bool { return w.Phase() == Cooling || w.Phase() == Due }

// The with functions return w with one field replaced. Next passes values that fit, but for failures and attempt, which
// saturate here; the masks are what keeps any other value out of the neighbour (I4).

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
