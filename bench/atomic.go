// SPDX-License-Identifier: Apache-2.0

// Source of mutex.go and rwmutex.go: see subject.go.

package bench

var atomicSubject = Subject{"atomic", map[Scenario]func() Loop{
	Pair:   func() Loop { return atomicPair(atomicNew(usual)) },
	Permit: func() Loop { return atomicPermit(atomicNew(usual)) },
	Do:     func() Loop { return atomicDo(atomicNew(usual)) },
	RejectOpen: func() Loop {
		b := atomicNew(usual)
		b.Trip()
		return atomicReject(b)
	},
	RejectHalfOpen: func() Loop {
		b := atomicNew(halfOpen)
		b.Trip()
		b.Allow() // the one probe, and it never answers
		return atomicReject(b)
	},
	Flaky100: func() Loop { return atomicFlaky(atomicNew(flaky), 100) },
	Flaky4:   func() Loop { return atomicFlaky(atomicNew(flaky), 4) },
	Storm:    func() Loop { return atomicStorm(atomicNew(storm)) },
	Herd: func() Loop {
		b := atomicNew(herd)
		b.Trip()
		return atomicHerd(b)
	},
}}

//go:noinline
func atomicPair(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if !b.Allow() {
				panic(turnedAway)
			}
			b.RecordSuccess()
		}
	}
}

//go:noinline
func atomicPermit(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(turnedAway)
			}
			p.Success()
		}
	}
}

//go:noinline
func atomicDo(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if b.Do(succeed) != nil {
				panic(failed)
			}
		}
	}
}

//go:noinline
func atomicReject(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if b.Allow() {
				panic(letThrough)
			}
		}
	}
}

//go:noinline
func atomicFlaky(b *atomicBreaker, every int) Loop {
	return func(n int) {
		left := every
		for range n {
			if !b.Allow() {
				panic(turnedAway)
			}
			left--
			if left > 0 {
				b.RecordSuccess()
			} else {
				b.RecordFailure()
				left = every
			}
		}
	}
}

//go:noinline
func atomicStorm(b *atomicBreaker) Loop {
	return func(n int) {
		left := stormLength
		for range n {
			b.RecordFailure()
			left--
			if left == 0 {
				b.Reset()
				left = stormLength
			}
		}
	}
}

//go:noinline
func atomicHerd(b *atomicBreaker) Loop {
	return func(n int) {
		left := herdLength
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				continue
			}
			left--
			if left > 0 {
				p.Success()
			} else {
				p.Failure()
				left = herdLength
			}
		}
	}
}
