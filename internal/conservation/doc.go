// SPDX-License-Identifier: Apache-2.0

// Package conservation is the property that every adapter must have: a record that is offered ends in exactly one of
// primary, fallback, lost.
//
// [Check] draws two sinks that do everything sinks do (fail, take a part, panic, end the goroutine, hang and come back), and
// up to 16 goroutines that offer numbered records, puts an adapter between them and looks afterwards into the sinks, record
// by record. What the adapter counts and reports must be what is found there. All of it runs on virtual time.
//
// [CheckLines] does that for adapters of lines. Its sinks are files that cut writes anywhere, and it reads them line by line.
//
// It is for tests only. Adapters are tested by what they do, so it knows nothing of how they are made.
package conservation

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// Adapter puts what is to be checked between the parts.
type Adapter func(Parts) Rig

// Parts are what an adapter is made of. It must use them all, as far as it has the options.
type Parts struct {
	Breaker           *atomicbreaker.Breaker
	Primary, Fallback *Sink
	Repanic           bool

	run *run
}

// Rig is an adapter that is ready to be offered records.
type Rig struct {
	// Offer offers one record and returns the adapter's error, if the caller gets to see it.
	Offer func(record string) error
	Stats func() breakerio.Stats

	Sync, Close func() error  // nil where the adapter has none
	Late        func() uint64 // not nil: there is a lane before the primary

	CountsTorn bool // the adapter sees how much the primary took
	Silent     bool // has no function for lost records or outages: its error is all that tells
}

// Options are the parts' as options of package breakerio.
func (p Parts) Options() []breakerio.Option {
	opts := []breakerio.Option{
		breakerio.WithRecordErrors(p.IsRecordError),
		breakerio.WithOnLost(func(b []byte, err error) { p.OnLost(string(b), err) }),
		breakerio.WithOnOutage(p.OnOutage),
		breakerio.WithOnDiverted(p.OnDiverted),
	}
	if p.Repanic {
		opts = append(opts, breakerio.WithRepanic())
	}
	return opts
}

// IsRecordError is for the option of that name.
func (p Parts) IsRecordError(err error) bool { return errors.Is(err, errTooLarge) }

// OnLost is for the option of that name.
func (p Parts) OnLost(record string, err error) { p.run.onLost(record, err) }

// OnOutage is for the option of that name.
func (p Parts) OnOutage(o breakerio.Outage) { p.run.onOutage(o) }

// OnDiverted is for the option of that name.
func (p Parts) OnDiverted(d breakerio.Diversion) { p.run.onDiverted(d) }

// Check checks the property.
func Check(t *testing.T, adapter Adapter) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t)
		rapid.SyncTest(t, func(t *rapid.T) {
			if err := p.check(adapter); err != nil {
				t.Fatal(err)
			}
		})
	})
}
