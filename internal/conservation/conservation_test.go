// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// good is a correct adapter, for the tests to break.
func good(parts Parts) (Fixture, *breakerio.Writer) {
	w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
	return Fixture{
		Offer: func(record string) error {
			_, err := parts.Witness(w).Write([]byte(record))
			return err
		},
		Stats: w.Stats, Sync: w.Sync, Close: w.Close, CountsTorn: true,
	}, w
}

// outage is a plan with one of everything, on one goroutine.
func outage() plan {
	return plan{
		primary: []step{
			{act: takes},
			{act: fails},
			{act: short},
			{act: tears},
			{act: tooLarge},
			{act: canceled},
			{act: panics},
			{act: exits},
			{act: fails, hangs: true},
		},
		fallback:   []step{{act: takes}, {act: fails}, {act: takes, hangs: true}},
		goroutines: 1, records: 12, threshold: 3, recovery: time.Second, pause: 600 * time.Millisecond,
	}
}

// Each of these adapters has one bug, and the property must name it.
func TestCheck_RejectsBrokenAdapters(t *testing.T) {
	for name, c := range map[string]struct {
		adapter Adapter
		plan    func(*plan)
		says    string
	}{
		"loses the record that fails": {func(parts Parts) Fixture {
			fixture, _ := good(parts)
			offer := fixture.Offer
			fixture.Offer = func(record string) error {
				if record == "@0.4@" {
					return nil
				}
				return offer(record)
			}
			return fixture
		}, nil, "@0.4@: 0 times in the primary, 0 in the fallback, 0 lost"},
		"writes to both": {func(parts Parts) Fixture {
			fixture, w := good(parts)
			fixture.Offer = func(record string) error {
				_, _ = parts.Fallback.Write([]byte(record))
				_, err := w.Write([]byte(record))
				return err
			}
			return fixture
		}, nil, "1 times in the primary, 1 in the fallback"},
		"reports a record lost that is not": {func(parts Parts) Fixture {
			fixture, _ := good(parts)
			offer := fixture.Offer
			fixture.Offer = func(record string) error {
				parts.OnLost(record, nil)
				return offer(record)
			}
			return fixture
		}, nil, "lost without an error"},
		"returns no error for a lost record": {func(parts Parts) Fixture {
			fixture, _ := good(parts)
			offer := fixture.Offer
			fixture.Offer = func(record string) error { _ = offer(record); return nil }
			return fixture
		}, nil, "is lost, but its caller got no error"},
		"returns an error for a record that is not lost": {func(parts Parts) Fixture {
			fixture, _ := good(parts)
			offer := fixture.Offer
			fixture.Offer = func(record string) error { _ = offer(record); return errDown }
			return fixture
		}, nil, "is not lost, but its caller got an error"},
		"counts no torn records": {func(parts Parts) Fixture {
			fixture, w := good(parts)
			fixture.Stats = func() breakerio.Stats { s := w.Stats(); s.Torn = 0; return s }
			return fixture
		}, nil, "the primary has parts of 2 records, Stats counts 0"},
		"counts no diverted records": {func(parts Parts) Fixture {
			fixture, w := good(parts)
			fixture.Stats = func() breakerio.Stats { s := w.Stats(); s.Fallback, s.Lost, s.Outages = 0, 0, 0; return s }
			return fixture
		}, nil, "Stats counts 0"},
		"reports no outage": {func(parts Parts) Fixture {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()[:2]...)
			fixture, _ := good(parts)
			fixture.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			fixture.Stats = w.Stats
			return fixture
		}, nil, "0 outages were reported"},
		"reports an outage with one record missing": {func(parts Parts) Fixture {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, append(parts.Options(),
				breakerio.WithOnOutage(func(o breakerio.Outage) { o.Fallback--; parts.OnOutage(o) }))...)
			fixture, _ := good(parts)
			fixture.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			fixture.Stats = w.Stats
			return fixture
		}, nil, "the outages were"},
		"reports a storm with one record missing": {func(parts Parts) Fixture {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, append(parts.Options(),
				breakerio.WithOnOutage(func(o breakerio.Outage) { o.Fallback--; parts.OnOutage(o) }))...)
			fixture, _ := good(parts)
			fixture.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			fixture.Stats = w.Stats
			return fixture
		}, func(p *plan) {
			*p = plan{
				primary: []step{{}, {act: fails}}, goroutines: 4, records: 4, threshold: 1, recovery: time.Second, storm: true,
			}
		}, "the storm was [{15 0}]"},
		"lets a panic through": {func(parts Parts) Fixture {
			fixture, _ := good(parts)
			fixture.Offer = func(record string) error { return parts.Primary.Take(record) }
			return fixture
		}, nil, "the panic the sink broke reached the caller"},
		"does not settle permits": {func(parts Parts) Fixture {
			fixture, _ := good(parts)
			offer := fixture.Offer
			fixture.Offer = func(record string) error {
				parts.Breaker.Trip()
				parts.Breaker.TryAcquire()
				return offer(record)
			}
			return fixture
		}, func(p *plan) { p.recovery = 0 }, "a permit was not settled"},
		"lets a record's error vote": {func(parts Parts) Fixture {
			fixture, _ := good(parts)
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()[1:]...)
			fixture.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			fixture.Stats, fixture.Close = w.Stats, w.Close
			return fixture
		}, func(p *plan) { p.primary = []step{{act: tooLarge}, {act: tooLarge}, {act: tooLarge}} }, "the outages were [], reported were [{2 1}]"},
		"changes the record": {func(parts Parts) Fixture {
			fixture, w := good(parts)
			fixture.Offer = func(record string) error {
				_, err := parts.Witness(writerFunc(func(p []byte) (int, error) {
					defer func() { p[0] = 'x' }()
					return w.Write(p)
				})).Write([]byte(record))
				return err
			}
			return fixture
		}, nil, `"@0.0@" became "x0.0@"`},
		"returns a wrong number": {func(parts Parts) Fixture {
			fixture, w := good(parts)
			fixture.Offer = func(record string) error {
				_, err := parts.Witness(writerFunc(func(p []byte) (int, error) {
					n, err := w.Write(p)
					return n - 1, err
				})).Write([]byte(record))
				return err
			}
			return fixture
		}, nil, "a write of 5 bytes returned 4"},
		"keeps the record": {func(parts Parts) Fixture {
			fixture, w := good(parts)
			var kept []byte
			fixture.Offer = func(record string) error {
				_, err := parts.Witness(writerFunc(func(p []byte) (int, error) {
					if kept != nil {
						_, _ = parts.Fallback.Write(kept)
					}
					kept = p
					return w.Write(p)
				})).Write([]byte(record))
				return err
			}
			return fixture
		}, nil, "xxxxx was never offered"},
		"counts nothing late": {func(parts Parts) Fixture {
			lane := breakerio.NewLane(parts.Primary, LaneTimeout)
			w := breakerio.NewWriter(parts.Breaker, lane, parts.Fallback, parts.Options()...)
			fixture, _ := good(parts)
			fixture.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			fixture.Stats, fixture.Close = w.Stats, w.Close
			fixture.Late = func() uint64 { return 0 }
			return fixture
		}, func(p *plan) { p.primary = []step{{hangs: true}} }, "1 writes hung, Stats.Late is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := outage()
			if c.plan != nil {
				c.plan(&p)
			}
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, p.check(func(parts Parts) Fixture { fixture, _ := good(parts); return fixture }))
			})
			synctest.Test(t, func(t *testing.T) { require.ErrorContains(t, p.check(c.adapter), c.says) })
		})
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

var _ io.Writer = writerFunc(nil)
