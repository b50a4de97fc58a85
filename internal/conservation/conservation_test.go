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

// good is an adapter that is right, to be made wrong.
func good(parts Parts) (Rig, *breakerio.Writer) {
	w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
	return Rig{
		Offer: func(record string) error {
			_, err := parts.Witness(w).Write([]byte(record))
			return err
		},
		Stats: w.Stats, Sync: w.Sync, Close: w.Close, CountsTorn: true,
	}, w
}

// outage is a plan in which everything happens once, on one goroutine.
func outage() plan {
	return plan{
		primary: []step{
			{act: takes},
			{act: fails},
			{act: short},
			{act: tears},
			{act: tooLarge},
			{act: cancelled},
			{act: panics},
			{act: exits},
			{act: fails, hangs: true},
		},
		fallback:   []step{{act: takes}, {act: fails}, {act: takes, hangs: true}},
		goroutines: 1, records: 12, threshold: 3, recovery: time.Second, pause: 600 * time.Millisecond,
	}
}

// Each of these adapters does one thing wrong, and the property says which.
func TestCheck_RefusesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		adapter Adapter
		plan    func(*plan)
		says    string
	}{
		"loses the record that fails": {func(parts Parts) Rig {
			rig, _ := good(parts)
			offer := rig.Offer
			rig.Offer = func(record string) error {
				if record == "@0.4@" {
					return nil
				}
				return offer(record)
			}
			return rig
		}, nil, "@0.4@: 0 times in the primary, 0 in the fallback, 0 lost"},
		"writes to both": {func(parts Parts) Rig {
			rig, w := good(parts)
			rig.Offer = func(record string) error {
				_, _ = parts.Fallback.Write([]byte(record))
				_, err := w.Write([]byte(record))
				return err
			}
			return rig
		}, nil, "1 times in the primary, 1 in the fallback"},
		"reports what is not lost": {func(parts Parts) Rig {
			rig, _ := good(parts)
			offer := rig.Offer
			rig.Offer = func(record string) error {
				parts.OnLost(record, nil)
				return offer(record)
			}
			return rig
		}, nil, "lost without an error"},
		"says nothing of what is lost": {func(parts Parts) Rig {
			rig, _ := good(parts)
			offer := rig.Offer
			rig.Offer = func(record string) error { _ = offer(record); return nil }
			return rig
		}, nil, "its caller was told that it is not"},
		"refuses what is not lost": {func(parts Parts) Rig {
			rig, _ := good(parts)
			offer := rig.Offer
			rig.Offer = func(record string) error { _ = offer(record); return errDown }
			return rig
		}, nil, "its caller was told that it is"},
		"counts no torn records": {func(parts Parts) Rig {
			rig, w := good(parts)
			rig.Stats = func() breakerio.Stats { s := w.Stats(); s.Torn = 0; return s }
			return rig
		}, nil, "the primary has parts of 2 records, counted are 0"},
		"counts no diverted records": {func(parts Parts) Rig {
			rig, w := good(parts)
			rig.Stats = func() breakerio.Stats { s := w.Stats(); s.Fallback, s.Lost, s.Outages = 0, 0, 0; return s }
			return rig
		}, nil, "counted are 0"},
		"reports no outage": {func(parts Parts) Rig {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()[:2]...)
			rig, _ := good(parts)
			rig.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			rig.Stats = w.Stats
			return rig
		}, nil, "0 outages were told"},
		"reports a record too few": {func(parts Parts) Rig {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, append(parts.Options(),
				breakerio.WithOnOutage(func(o breakerio.Outage) { o.Fallback--; parts.OnOutage(o) }))...)
			rig, _ := good(parts)
			rig.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			rig.Stats = w.Stats
			return rig
		}, nil, "the outages were"},
		"reports a record of the storm too few": {func(parts Parts) Rig {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, append(parts.Options(),
				breakerio.WithOnOutage(func(o breakerio.Outage) { o.Fallback--; parts.OnOutage(o) }))...)
			rig, _ := good(parts)
			rig.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			rig.Stats = w.Stats
			return rig
		}, func(p *plan) {
			*p = plan{
				primary: []step{{}, {act: fails}}, goroutines: 4, records: 4, threshold: 1, recovery: time.Second, storm: true,
			}
		}, "the storm was [{15 0}]"},
		"lets a panic through": {func(parts Parts) Rig {
			rig, _ := good(parts)
			rig.Offer = func(record string) error { return parts.Primary.Take(record) }
			return rig
		}, nil, "the panic the sink broke came through"},
		"takes permits and keeps them": {func(parts Parts) Rig {
			rig, _ := good(parts)
			offer := rig.Offer
			rig.Offer = func(record string) error {
				parts.Breaker.Trip()
				parts.Breaker.TryAcquire()
				return offer(record)
			}
			return rig
		}, func(p *plan) { p.recovery = 0 }, "a permit was not settled"},
		"changes the record": {func(parts Parts) Rig {
			rig, w := good(parts)
			rig.Offer = func(record string) error {
				_, err := parts.Witness(writerFunc(func(p []byte) (int, error) {
					defer func() { p[0] = 'x' }()
					return w.Write(p)
				})).Write([]byte(record))
				return err
			}
			return rig
		}, nil, `"@0.0@" became "x0.0@"`},
		"returns a wrong number": {func(parts Parts) Rig {
			rig, w := good(parts)
			rig.Offer = func(record string) error {
				_, err := parts.Witness(writerFunc(func(p []byte) (int, error) {
					n, err := w.Write(p)
					return n - 1, err
				})).Write([]byte(record))
				return err
			}
			return rig
		}, nil, "a write of 5 bytes returned 4"},
		"keeps the record": {func(parts Parts) Rig {
			rig, w := good(parts)
			var kept []byte
			rig.Offer = func(record string) error {
				_, err := parts.Witness(writerFunc(func(p []byte) (int, error) {
					if kept != nil {
						_, _ = parts.Fallback.Write(kept)
					}
					kept = p
					return w.Write(p)
				})).Write([]byte(record))
				return err
			}
			return rig
		}, nil, "nobody offered xxxxx"},
		"counts nothing late": {func(parts Parts) Rig {
			lane := breakerio.NewLane(parts.Primary, LaneTimeout)
			w := breakerio.NewWriter(parts.Breaker, lane, parts.Fallback, parts.Options()...)
			rig, _ := good(parts)
			rig.Offer = func(record string) error { _, err := w.Write([]byte(record)); return err }
			rig.Stats, rig.Close = w.Stats, w.Close
			rig.Late = func() uint64 { return 0 }
			return rig
		}, func(p *plan) { p.primary = []step{{hangs: true}} }, "1 writes hung, counted as late are 0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := outage()
			if c.plan != nil {
				c.plan(&p)
			}
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, p.check(func(parts Parts) Rig { rig, _ := good(parts); return rig }))
			})
			synctest.Test(t, func(t *testing.T) { require.ErrorContains(t, p.check(c.adapter), c.says) })
		})
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

var _ io.Writer = writerFunc(nil)
