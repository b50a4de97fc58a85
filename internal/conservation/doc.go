// SPDX-License-Identifier: Apache-2.0

// Package conservation checks the property that every adapter must have: each offered record ends
// in exactly one of primary, fallback, lost.
//
// [Check] generates two sinks that fail, take a part of a record, panic, end the goroutine, hang
// and recover, and up to 16 goroutines that offer numbered records. It puts an adapter between them
// and afterwards inspects the sinks, record by record. The counts and reports of the adapter must
// match the contents of the sinks. Everything runs on virtual time.
//
// [CheckLines] does the same for adapters of lines. Its sinks are files that may cut a write at any
// byte, and it reads them line by line.
//
// The package is for tests only. It checks an adapter's behavior and does not depend on its
// implementation.
package conservation

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// Adapter connects the adapter under test to the parts.
type Adapter func(Parts) Fixture

// Parts are the components of an adapter. The adapter must use each part for which it has an
// option.
type Parts struct {
	Breaker           *atomicbreaker.Breaker
	Primary, Fallback *Sink
	Repanic           bool

	run *run
}

// Fixture is an adapter under test.
type Fixture struct {
	// Offer offers one record. It returns the adapter's error if the caller can see it.
	Offer func(record string) error
	Stats func() breakerio.Stats

	Sync, Close func() error  // nil if the adapter has none
	Late        func() uint64 // not nil if a lane is before the primary

	CountsTorn bool // the adapter learns how much the primary took
}

// Options returns the parts as options of package breakerio.
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

// IsRecordError is the function for WithRecordErrors.
func (p Parts) IsRecordError(err error) bool { return errors.Is(err, errTooLarge) }

// OnLost is the function for WithOnLost.
func (p Parts) OnLost(record string, err error) { p.run.onLost(record, err) }

// OnOutage is the function for WithOnOutage.
func (p Parts) OnOutage(o breakerio.Outage) { p.run.onOutage(o) }

// OnDiverted is the function for WithOnDiverted.
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
