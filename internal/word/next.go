// SPDX-License-Identifier: Apache-2.0

package word

// Kind names what happened.
type Kind uint8

// The eleven events. Each has a function below, and a column or a note at the table of
// CONCURRENCY.md.
const (
	Allow       Kind = iota // a caller asks for admission
	Success                 // a call succeeded
	Failure                 // a call failed
	Cancel                  // a permit is given back
	Elapsed                 // a timer fired
	Trip                    // an operator opens the breaker for the recovery timeout
	TripFor                 // an operator opens it for a given time, even if it is open
	RetryAfter              // a call failed, and its error says how long to wait
	Reset                   // an operator closes it
	ForceOpen               // an operator holds it open
	ForceClosed             // an operator holds it closed
)

// Event is an input of the state machine. It has no clock: the passage of time is the event
// Elapsed.
type Event struct {
	Kind Kind

	// Bound says that the event belongs to the period Generation: an outcome through a permit, a
	// timer, or a TripFor that has compared the deadline of that period with its own. In any other
	// period it changes nothing (I3).
	Bound      bool
	Generation uint32

	// Successes is, for Elapsed, the number of half-open successes when the probe was admitted. A
	// probe that has succeeded since shows that the sink answers, and voids the timer.
	Successes uint8
}

// Params is the configuration of the state machine. It does not change after New.
type Params struct {
	FailureLimit     uint32 // count at which the breaker opens: threshold × FailureWeight, 1..65,535
	FailureWeight    uint32 // what a failure adds, 1..65,535
	SuccessWeight    uint32 // what a success subtracts; 65,535 clears the count: consecutive failures
	MaxCalls         uint32 // probes in flight at once, 1..255
	SuccessThreshold uint32 // successful probes that close the breaker, 1..255
	DueAtOnce        bool   // the recovery timeout is 0: opening skips Cooling, closing clears attempt
}

// Next returns the word that follows w after the event e. It accepts any word and any event, and
// never panics. Only Next and its part Counted make words. If e changes nothing, Next returns w,
// and the caller writes nothing.
//
// Next needs no second result, because the two words show what e did:
//   - If the generations differ, e made a transition. The goroutine whose swap succeeded publishes
//     it (I2, I6).
//   - If Allow changed the word, the call is admitted as a probe. If not, w.Admits decides.
func Next(w Word, e Event, p *Params) Word {
	if e.Bound && e.Generation != w.Generation() {
		return w // late (I3)
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

// Counted is the part of [Next] for bursts of failures, and short enough to be inlined. If e is a
// failure that a closed breaker only counts, it returns the next word. Otherwise it returns w.
func (w Word) Counted(e Event, p *Params) Word {
	if e.Kind != Failure || w > MaxClosed || e.Bound && e.Generation != w.Generation() {
		return w
	}
	if w.Failures()+p.FailureWeight >= p.FailureLimit {
		return w
	}
	return w + Word(p.FailureWeight)<<failuresShift // below the limit, so it fits the field (I4)
}

// enter is the only way into another public state or a new open period. It increments the
// generation and clears the half-open counts (I2, I5).
func (w Word) enter(p Phase) Word {
	return w.withGeneration(w.Generation() + 1).withPhase(p).withCalls(0).withSuccesses(0)
}

// open enters an open period that lasts for the recovery timeout. It keeps the failures that
// tripped the breaker.
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

// allow admits a probe if there is room for one. The transition to half-open and its first permit
// are one change of the word, so no second caller can come between them.
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

// recovered closes a breaker whose probes succeeded. The recovery counts as an attempt until the
// sink has been stable. So the breaker backs off from a sink that accepts one record and fails the
// next as it does from a sink that fails its probes.
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

// elapsed infers from the phase which timer fired: Next has compared the generations, and a
// generation has one phase. (Cooling and Due share one, and Due ignores the event.)
func (w Word) elapsed(successes uint8, p *Params) Word {
	switch w.Phase() {
	case Closed: // the stability timer: the sink is stable if no failure is counted
		if w.Failures() == 0 {
			return w.withAttempt(w.Attempt() / 2)
		}
	case Cooling: // the recovery timeout: the breaker stays open until a call, so this is no transition
		return w.withPhase(Due)
	case HalfOpen: // the probe timeout
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

// tripFor also begins a new period of an open breaker. The new generation voids the timer of the
// old one. The caller checks that the new period ends later, because the word has no deadlines.
func (w Word) tripFor() Word {
	switch w.Phase() {
	case Closed, Cooling, Due, HalfOpen:
		return w.enter(Cooling)
	}
	return w
}

// retryAfter opens the breaker like tripFor, but as the outcome of a call: if the call was a probe,
// the recovery did not last.
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
