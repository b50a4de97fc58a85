// SPDX-License-Identifier: Apache-2.0

package word

// Kind names what happened.
type Kind uint8

// The eleven events. Each is a column of the table in CONCURRENCY.md, or named below it, and a
// function below.
const (
	Allow       Kind = iota // a caller asks to be admitted
	Success                 // a call succeeded
	Failure                 // a call failed
	Cancel                  // a permit comes back unused
	Elapsed                 // a timer fired
	Trip                    // an operator opens the breaker for the recovery timeout
	TripFor                 // an operator opens it for a given time, also when it is open
	RetryAfter              // a call failed, and its error says how long to leave the sink alone
	Reset                   // an operator closes it
	ForceOpen               // an operator holds it open
	ForceClosed             // an operator holds it closed
)

// Event is one thing that happened. There is no clock in it: time is the event Elapsed.
type Event struct {
	Kind Kind

	// Bound says that the event belongs to the period Generation: an outcome through a permit, a
	// timer, or a TripFor that has compared the deadline of that period with its own. In any other
	// period it changes nothing (I3).
	Bound      bool
	Generation uint32

	// Successes is Elapsed's other half: the half-open successes when the probe was admitted. A probe that succeeded
	// since shows that the sink answers, and voids the timer.
	Successes uint8
}

// Params is what the machine needs to know of the configuration; it never changes after New.
type Params struct {
	FailureLimit     uint32 // count at which the breaker opens: threshold × FailureWeight, 1..65,535
	FailureWeight    uint32 // what a failure adds, 1..65,535
	SuccessWeight    uint32 // what a success takes away; 65,535 clears everything: consecutive counting
	MaxCalls         uint32 // probes in flight at once, 1..255
	SuccessThreshold uint32 // successful probes that close the breaker, 1..255
	DueAtOnce        bool   // the recovery timeout is 0: opening skips Cooling, closing clears attempt
}

// Next returns the word that follows w when e happens. It is total (any word, any event, no panic). It and its part
// Counted are the only places where a word comes from. "Nothing changes" is the same word: the caller then writes
// nothing.
//
// What an event did can be read off the pair (w, Next(w)), so there is no second result:
//   - the generations differ: a transition, to be published once by the one whose swap it was (I2, I6);
//   - Allow changed the word: the caller is admitted as a probe; unchanged, w.Admits tells.
func Next(w Word, e Event, p *Params) Word {
	if e.Bound && e.Generation != w.Generation() {
		return w // I3: late news decide nothing
	}
	switch e.Kind {
	case Allow:
		return w.allow(p)
	case Success:
		return w.success(p)
	case Failure:
		return w.failure(p)
	case Cancel:
		return w.cancel()
	case Elapsed:
		return w.elapsed(e.Successes, p)
	case Trip:
		return w.trip(p)
	case TripFor:
		return w.tripFor()
	case RetryAfter:
		return w.retryAfter()
	case Reset:
		return w.reset()
	case ForceOpen:
		return w.force(ForcedOpen)
	case ForceClosed:
		return w.force(ForcedClosed)
	}
	return w
}

// Counted is the part of [Next] that a storm of failures asks for, short enough to be inlined: where e
// is a failure that a closed breaker only counts, it returns the next word. Otherwise it returns w.
func (w Word) Counted(e Event, p *Params) Word {
	if e.Kind != Failure || w > MaxClosed || e.Bound && e.Generation != w.Generation() {
		return w
	}
	if w.Failures()+p.FailureWeight >= p.FailureLimit {
		return w
	}
	return w + Word(p.FailureWeight)<<failuresShift // below the limit, so it fits the field (I4)
}

// enter is the one way into another public state, and into a new open period: the generation goes up by one, and the
// half-open counts of the period that ends are gone (I2, I5).
func (w Word) enter(p Phase) Word {
	return w.withGeneration(w.Generation() + 1).withPhase(p).withCalls(0).withSuccesses(0)
}

// open enters an open period that lasts for the recovery timeout. Failures stay: they tell what tripped it.
func (w Word) open(p *Params) Word {
	if p.DueAtOnce {
		return w.enter(Due)
	}
	return w.enter(Cooling)
}

// reopen ends a recovery that did not last.
func (w Word) reopen(p *Params) Word {
	return w.open(p).withAttempt(w.Attempt() + 1)
}

// allow admits a probe where one is due. The transition to half-open and its first permit are one word, so there is no
// moment between them in which a second caller could be first.
func (w Word) allow(p *Params) Word {
	switch w.Phase() {
	case Due:
		return w.enter(HalfOpen).withCalls(1)
	case HalfOpen:
		if w.Calls() < p.MaxCalls {
			return w.withCalls(w.Calls() + 1)
		}
	}
	return w
}

func (w Word) success(p *Params) Word {
	switch w.Phase() {
	case Closed:
		return w.withFailures(w.Failures() - min(p.SuccessWeight, w.Failures()))
	case HalfOpen:
		if w.Calls() == 0 {
			return w
		}
		if w.Successes()+1 < p.SuccessThreshold {
			return w.withCalls(w.Calls() - 1).withSuccesses(w.Successes() + 1)
		}
		return w.recovered(p)
	}
	return w
}

// recovered closes a breaker whose probes succeeded. It counts as an attempt, and only stability
// takes attempts back: a sink that accepts one record and fails the next backs off like one that
// fails its probes.
func (w Word) recovered(p *Params) Word {
	closed := w.enter(Closed).withFailures(0)
	if p.DueAtOnce {
		return closed.withAttempt(0)
	}
	return closed.withAttempt(w.Attempt() + 1)
}

func (w Word) failure(p *Params) Word {
	switch w.Phase() {
	case Closed:
		counted := w.withFailures(w.Failures() + min(p.FailureWeight, MaxFailures))
		if counted.Failures() < p.FailureLimit {
			return counted
		}
		return counted.open(p)
	case HalfOpen:
		if w.Calls() > 0 {
			return w.reopen(p)
		}
	}
	return w
}

func (w Word) cancel() Word {
	if w.Phase() == HalfOpen && w.Calls() > 0 {
		return w.withCalls(w.Calls() - 1)
	}
	return w
}

// elapsed is all there is of time. Which timer fired follows from the phase, because a generation has one phase (Cooling
// and Due share one, and Due ignores it) and Next has compared the generation already.
func (w Word) elapsed(successes uint8, p *Params) Word {
	switch w.Phase() {
	case Closed: // the stability timer: without a failure counted, the sink was stable
		if w.Failures() == 0 {
			return w.withAttempt(w.Attempt() / 2)
		}
	case Cooling: // the recovery timeout is over; open it stays until a caller asks, so this is no transition
		return w.withPhase(Due)
	case HalfOpen: // the probes do not answer
		if w.Calls() > 0 && w.Successes() == uint32(successes) {
			return w.reopen(p)
		}
	}
	return w
}

func (w Word) trip(p *Params) Word {
	switch w.Phase() {
	case Closed, HalfOpen:
		return w.open(p)
	}
	return w
}

// tripFor also starts a new period of an open breaker; the new generation voids the timer of the
// period before. That the new period ends later is for the caller to check: deadlines are not in
// the word.
func (w Word) tripFor() Word {
	switch w.Phase() {
	case Closed, Cooling, Due, HalfOpen:
		return w.enter(Cooling)
	}
	return w
}

// retryAfter opens the breaker like tripFor, but as the outcome of a call: the answer of a probe is
// a recovery that did not last.
func (w Word) retryAfter() Word {
	switch w.Phase() {
	case Closed:
		return w.enter(Cooling)
	case HalfOpen:
		if w.Calls() > 0 {
			return w.enter(Cooling).withAttempt(w.Attempt() + 1)
		}
	}
	return w
}

func (w Word) reset() Word {
	if w.Phase() != Closed {
		w = w.enter(Closed)
	}
	return w.withFailures(0).withAttempt(0)
}

func (w Word) force(p Phase) Word {
	if w.Phase() == p {
		return w
	}
	return w.enter(p)
}
