// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// writing is a correct adapter of lines, with front before the Writer w.
func writing(parts LineParts, w *breakerio.Writer, front io.Writer) LineFixture {
	return LineFixture{
		Offer: func(text string) { _, _ = parts.Witness(front).Write([]byte(text)) },
		Stats: w.Stats, Sync: w.Sync, Shutdown: w.Shutdown,
	}
}

// between is a correct adapter, between the given writers instead of the files.
func between(parts LineParts, primary, fallback io.Writer, opts ...breakerio.Option) LineFixture {
	w := breakerio.NewWriter(parts.Breaker, primary, fallback, append(parts.Options(), opts...)...)
	return writing(parts, w, w)
}

func correctLines(parts LineParts) LineFixture { return between(parts, parts.Primary, parts.Fallback) }

// inFront is a correct adapter whose writes go through do.
func inFront(parts LineParts, do func(w io.Writer, p []byte) (int, error)) LineFixture {
	w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
	return writing(parts, w, writerFunc(func(p []byte) (int, error) { return do(w, p) }))
}

// changed is the correct adapter with different counts.
func changed(change func(*breakerio.Stats)) LineAdapter {
	return func(parts LineParts) LineFixture {
		fixture := correctLines(parts)
		stats := fixture.Stats
		fixture.Stats = func() breakerio.Stats { s := stats(); change(&s); return s }
		return fixture
	}
}

// closable is a writer with the file's Close and Sync.
type closable struct {
	*File
	write func(p []byte) (int, error)
}

func (c closable) Write(p []byte) (int, error) { return c.write(p) }

// withProbes is a Lane with asynchronous probes.
func withProbes(parts LineParts) LineFixture {
	fixture := between(parts, breakerio.NewLane(parts.Primary, LaneTimeout), parts.Fallback, breakerio.WithAsyncProbes())
	fixture.Lane, fixture.Async = true, true
	return fixture
}

func withReopener(parts LineParts) LineFixture {
	fixture := between(parts, breakerio.NewReopener(parts.Dial), parts.Fallback)
	fixture.Reopener = true
	return fixture
}

// troubles is a plan with every trouble that lines can have, on one goroutine.
func troubles() linePlan {
	return linePlan{
		primary: []fileStep{
			{act: takes},
			{act: tears, at: 4},
			{act: takes},
			{act: tears, at: 15},
			{act: fails},
			{act: short, at: 12},
			{act: panics},
			{act: takes},
			{act: exits},
			{act: tooLarge},
			{act: busy},
			{act: lies, at: 4},
			{act: fails, hangs: true},
		},
		fallback: []fileStep{{act: takes}, {act: tears, at: 20}, {act: fails}, {act: takes}, {act: tears, at: 3}},
		dials:    []fileStep{{act: takes}, {act: takes}, {act: fails}},

		goroutines: 1, writes: 20, pause: 600 * time.Millisecond, batches: []int{0, 2, 1, 3}, padding: []int{0, 3}, bad: 7,
		threshold: 2, recovery: time.Second, panicky: 3,
	}
}

// Each of these adapters has one bug with lines, and the property must name it.
func TestCheckLines_RejectsBrokenAdapters(t *testing.T) {
	for name, c := range map[string]struct {
		right, wrong LineAdapter // nil: correctLines
		plan         func(*linePlan)
		says         string
	}{
		"glues a record to what a tear left": {wrong: func(parts LineParts) LineFixture {
			return between(parts, closable{parts.Primary, func(p []byte) (int, error) {
				if p[0] != '\n' {
					return parts.Primary.Write(p)
				}
				n, err := parts.Primary.Write(p[1:])
				return n + 1, err
			}}, parts.Fallback)
		}, says: `the primary: "@0.1@0.2.0@" is not a record`},
		"glues in the fallback": {wrong: func(parts LineParts) LineFixture {
			return between(parts, parts.Primary, closable{parts.Fallback, func(p []byte) (int, error) {
				if p[0] != '\n' {
					return parts.Fallback.Write(p)
				}
				n, err := parts.Fallback.Write(p[1:])
				return n + 1, err
			}})
		}, says: "the fallback: "},
		"splits inside a line": {wrong: func(parts LineParts) LineFixture {
			return between(parts, parts.Primary, closable{parts.Fallback, func(p []byte) (int, error) {
				n, err := parts.Fallback.Write(p[1:])
				return n + 1, err
			}})
		}, says: `is not a record`},
		"trusts a count that is too high": {wrong: func(parts LineParts) LineFixture {
			return between(parts, closable{parts.Primary, func(p []byte) (int, error) {
				n, err := parts.Primary.Write(p)
				if 0 < n && n < len(p) {
					n++
				}
				return n, err
			}}, parts.Fallback)
		}, plan: func(p *linePlan) {
			p.primary, p.batches = []fileStep{{act: tears, at: 7}}, []int{1}
		}, says: `"@0.0.0@\n": 0 times in the primary, 0 in the fallback, 0 lost`},
		"repeats a whole line to the fallback": {wrong: func(parts LineParts) LineFixture {
			return between(parts, parts.Primary, parts.Fallback, breakerio.WithWholeRecords())
		}, plan: func(p *linePlan) { p.fallback = nil }, says: "1 times in the primary, 1 in the fallback, 0 lost"},
		"cuts a record of several lines": {wrong: func(parts LineParts) LineFixture {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()[:4]...)
			return writing(parts, w, w)
		}, plan: func(p *linePlan) { p.whole = true }, says: "0 times in the primary, 0 in the fallback, 0 lost"},
		"loses a record when a hook panics": {wrong: func(parts LineParts) LineFixture {
			return inFront(parts, func(w io.Writer, p []byte) (n int, err error) {
				defer func() {
					if recover() != nil {
						n, err = len(p), nil
					}
				}()
				parts.run.hook()
				return w.Write(p)
			})
		}, says: "0 times in the primary, 0 in the fallback, 0 lost"},
		"lets a hook's panic through": {wrong: func(parts LineParts) LineFixture {
			return inFront(parts, func(w io.Writer, p []byte) (int, error) {
				defer parts.run.hook()
				return w.Write(p)
			})
		}, says: "the panic the hook broke reached the caller"},
		"reports no loss": {wrong: func(parts LineParts) LineFixture {
			opts := parts.Options()
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, opts[0], opts[2], opts[3],
				breakerio.WithOnLost(func([]byte, error) {}))
			return writing(parts, w, w)
		}, says: "0 times in the primary, 0 in the fallback, 0 lost"},
		"reports a loss twice": {wrong: func(parts LineParts) LineFixture {
			return between(parts, parts.Primary, parts.Fallback, breakerio.WithOnLost(func(p []byte, err error) {
				parts.run.onLost(string(p), err)
				parts.run.onLost(string(p), err)
			}))
		}, says: "0 times in the primary, 0 in the fallback, 2 lost"},
		"hides a loss": {wrong: func(parts LineParts) LineFixture {
			return inFront(parts, func(w io.Writer, p []byte) (int, error) {
				_, _ = w.Write(p)
				return len(p), nil
			})
		}, says: "is lost, but its caller got no error"},
		"returns a loss that it promised to hide": {plan: func(p *linePlan) { p.lossAsSuccess = true }, wrong: func(parts LineParts) LineFixture {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()[:4]...)
			return writing(parts, w, w)
		}, says: "a write of "},
		"returns too high a count": {wrong: func(parts LineParts) LineFixture {
			return inFront(parts, func(w io.Writer, p []byte) (int, error) {
				n, err := w.Write(p)
				return n + 1, err
			})
		}, says: "a write of "},
		"acknowledges a lost line": {wrong: func(parts LineParts) LineFixture {
			return inFront(parts, func(w io.Writer, p []byte) (int, error) {
				n, err := w.Write(p)
				if err != nil {
					n = len(wholeLines(string(p))[0])
				}
				return n, err
			})
		}, plan: func(p *linePlan) { p.batches = []int{2} }, says: "were acknowledged"},
		"counts nothing torn": {wrong: changed(func(s *breakerio.Stats) { s.Torn = 0 }), says: "the primary has parts of 2 writes, Stats counts 0"},
		"counts nothing torn in the fallback": {
			wrong: changed(func(s *breakerio.Stats) { s.FallbackTorn = 0 }),
			says:  "the fallback has parts of 1 writes, Stats counts 0",
		},
		"counts nothing lost":      {wrong: changed(func(s *breakerio.Stats) { s.Lost = 0 }), says: "Stats.Lost is 0"},
		"counts one diversion off": {wrong: changed(func(s *breakerio.Stats) { s.Fallback++ }), says: "the counts by reason do not add up to those by place"},
		"counts no reason":         {wrong: changed(func(s *breakerio.Stats) { s.Rejected = 0 }), says: "the counts by reason do not add up to those by place"},
		"counts a write as late that is not": {
			wrong: changed(func(s *breakerio.Stats) { s.Late++ }),
			says:  "0 writes hung and 0 are in two places, Stats.Late is 1",
		},
		"reports no outage": {wrong: func(parts LineParts) LineFixture {
			return between(parts, parts.Primary, parts.Fallback, breakerio.WithOnOutage(nil))
		}, says: "outages are over, 0 were reported"},
		"counts no slow write": {wrong: changed(func(s *breakerio.Stats) { s.Slow = 0 }), plan: func(p *linePlan) {
			p.primary, p.slow = []fileStep{{hangs: true}}, true
		}, says: "1 writes were slow, Stats counts 0"},
		"does not count a late probe": {right: withProbes, wrong: func(parts LineParts) LineFixture {
			fixture := withProbes(parts)
			stats := fixture.Stats
			fixture.Stats = func() breakerio.Stats { s := stats(); s.Late = parts.Primary.hung(); return s }
			return fixture
		}, says: "are in two places, Stats.Late is 1"},
		"lets a record's error vote": {wrong: func(parts LineParts) LineFixture {
			return between(parts, parts.Primary, parts.Fallback, breakerio.WithRecordErrors(nil))
		}, plan: func(p *linePlan) {
			p.primary, p.panicky, p.bad = []fileStep{{act: tooLarge}, {act: tooLarge}, {act: tooLarge}}, 0, 0
		}, says: "the primary never failed, but the breaker opened"},
		"lets a caller's cancellation vote": {wrong: func(parts LineParts) LineFixture {
			return between(parts, closable{parts.Primary, func(p []byte) (int, error) {
				n, err := parts.Primary.Write(p)
				if errors.Is(err, context.Canceled) {
					err = errDown
				}
				return n, err
			}}, parts.Fallback)
		}, plan: func(p *linePlan) {
			p.primary, p.panicky, p.bad = []fileStep{{act: canceled}, {act: canceled}, {act: canceled}}, 0, 0
		}, says: "the primary never failed, but the breaker opened"},
		"writes after Close": {wrong: func(parts LineParts) LineFixture {
			fixture := correctLines(parts)
			ignores := writerFunc(func(p []byte) (int, error) { return len(p), nil })
			fixture.Offer = func(text string) { _, _ = parts.Witness(ignores).Write([]byte(text)) }
			return fixture
		}, plan: func(p *linePlan) {
			p.disturbances = []lineDisturbance{{after: time.Second, does: shuttingDown, patience: time.Second}}
		}, says: "written after Close, but the error is"},
		"closes the fallback first": {wrong: func(parts LineParts) LineFixture {
			fixture := correctLines(parts)
			fixture.Shutdown = func(context.Context) error { _ = parts.Fallback.Close(); return parts.Primary.Close() }
			return fixture
		}, plan: func(p *linePlan) { p.primary = nil }, says: "the fallback was closed before the primary"},
		"leaves the primary open": {wrong: func(parts LineParts) LineFixture {
			fixture := correctLines(parts)
			fixture.Shutdown = func(context.Context) error { return parts.Fallback.Close() }
			return fixture
		}, says: "the primary was closed 0 times"},
		"leaves a connection open": {right: withReopener, wrong: func(parts LineParts) LineFixture {
			fixture := withReopener(parts)
			fixture.Shutdown = func(context.Context) error { return parts.Fallback.Close() }
			return fixture
		}, says: "1 connections are open"},
		"waits for a Close that hangs": {wrong: func(parts LineParts) LineFixture {
			fixture := correctLines(parts)
			shutdown := fixture.Shutdown
			fixture.Shutdown = func(context.Context) error { return shutdown(context.Background()) }
			return fixture
		}, plan: func(p *linePlan) {
			p.closeHangs, p.disturbances = true, []lineDisturbance{{after: time.Second, does: shuttingDown, patience: 50 * time.Millisecond}}
		}, says: "Shutdown took 3.000007s, limit 50ms"},
		"loses a queued batch at Shutdown": {wrong: func(parts LineParts) LineFixture {
			var waits []byte
			fixture := inFront(parts, func(w io.Writer, p []byte) (int, error) {
				if waits != nil {
					_, _ = w.Write(waits)
				}
				waits = bytes.Clone(p)
				return len(p), nil
			})
			fixture.Batcher = true
			return fixture
		}, says: `"@1.2.0@\n": 0 times in the primary, 0 in the fallback, 0 lost`},
		"does nothing in Sync": {wrong: func(parts LineParts) LineFixture {
			w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
			b := breakerio.NewBatcher(w)
			fixture := writing(parts, w, b)
			fixture.Sync, fixture.Shutdown, fixture.Batcher = func() error { return nil }, b.Shutdown, true
			return fixture
		}, plan: func(p *linePlan) {
			p.disturbances = []lineDisturbance{{after: 100 * time.Millisecond, does: syncing}}
		}, says: `"@0.0.0@\n": Sync returned before it was in a file or lost`},
		"reverses the order of two writes": {wrong: func(parts LineParts) LineFixture {
			var waits []byte
			fixture := inFront(parts, func(w io.Writer, p []byte) (int, error) {
				if waits == nil {
					waits = bytes.Clone(p)
					return len(p), nil
				}
				both := append(bytes.Clone(p), waits...)
				waits = nil
				_, _ = w.Write(both)
				return len(p), nil
			})
			fixture.Batcher = true
			return fixture
		}, plan: func(p *linePlan) { p.primary, p.writes, p.bad = nil, 19, 0 }, says: `"@0.0.0@\n" comes after`},
		"counts a failure as busy": {
			wrong: changed(func(s *breakerio.Stats) { s.Busy, s.Failed = s.Busy+s.Failed, 0 }),
			says:  "were diverted as failed, Stats counts 0",
		},
		"calls a record's error busy": {wrong: func(parts LineParts) LineFixture {
			return between(parts, parts.Primary, parts.Fallback, breakerio.WithOnDiverted(func(d breakerio.Diversion) {
				if d.Reason == breakerio.RecordError {
					d.Reason = breakerio.Busy
				}
				parts.run.onDiverted(d)
			}))
		}, says: "diverted as busy with the error record too large"},
		"keeps a permit": {wrong: func(parts LineParts) LineFixture {
			return inFront(parts, func(w io.Writer, p []byte) (int, error) {
				parts.Breaker.Trip()
				parts.Breaker.TryAcquire()
				return w.Write(p)
			})
		}, plan: func(p *linePlan) { p.recovery = 0 }, says: "a permit was not settled"},
		"changes the record": {wrong: func(parts LineParts) LineFixture {
			return inFront(parts, func(w io.Writer, p []byte) (int, error) {
				n, err := w.Write(p)
				p[0] = 'x'
				return n, err
			})
		}, says: `became "x`},
		"drops a write": {wrong: func(parts LineParts) LineFixture {
			fixture := correctLines(parts)
			offer := fixture.Offer
			fixture.Offer = func(text string) {
				if text[:5] != "@0.4." {
					offer(text)
				}
			}
			return fixture
		}, says: "22 writes were seen, but 23 were offered"},
	} {
		t.Run(name, func(t *testing.T) {
			p := troubles()
			if c.plan != nil {
				c.plan(&p)
			}
			right := c.right
			if right == nil {
				right = correctLines
			}
			synctest.Test(t, func(t *testing.T) { require.NoError(t, p.check(right)) })
			synctest.Test(t, func(t *testing.T) { require.ErrorContains(t, p.check(c.wrong), c.says) })
		})
	}
}
