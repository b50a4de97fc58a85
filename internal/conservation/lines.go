// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// LineAdapter puts the adapter under test between two files.
type LineAdapter func(LineParts) LineFixture

// LineParts are the components of an adapter of lines.
type LineParts struct {
	Breaker           *atomicbreaker.Breaker
	Primary, Fallback *File

	run *lineRun
}

// LineFixture is an adapter of lines under test.
type LineFixture struct {
	// Offer offers lines, each with its newline, in one write through a [Witness]. With Logger it
	// offers one record that has no newline yet.
	Offer  func(text string)
	Logger bool

	Stats    func() breakerio.Stats
	Sync     func() error
	Shutdown func(ctx context.Context) error

	Lane     bool // a Lane of LaneTimeout is before the primary
	Wide     bool // the lane has a width over 1
	Async    bool // probes are asynchronous
	Batcher  bool // a Batcher is above the Writer
	Reopener bool // the primary is written through Dial
}

// Options returns the options of package breakerio that the plan selects. All user functions among
// them panic, or end the goroutine, now and then.
func (p LineParts) Options() []breakerio.Option {
	r := p.run
	opts := []breakerio.Option{
		breakerio.WithRecordErrors(func(err error) bool {
			r.hook()
			return errors.Is(err, errTooLarge)
		}),
		breakerio.WithOnLost(func(p []byte, err error) {
			r.onLost(string(p), err)
			r.hook()
		}),
		breakerio.WithOnDiverted(func(d breakerio.Diversion) {
			r.onDiverted(d)
			r.hook()
		}),
		breakerio.WithOnOutage(func(breakerio.Outage) {
			r.outages.Add(1)
			r.hook()
		}),
	}
	if r.plan.repanic {
		opts = append(opts, breakerio.WithRepanic())
	}
	if r.plan.whole {
		opts = append(opts, breakerio.WithWholeRecords())
	}
	if r.plan.lossAsSuccess {
		opts = append(opts, breakerio.WithLossAsSuccess())
	}
	return opts
}

// Witness returns a witness of w. It is for one write.
func (p LineParts) Witness(w io.Writer) *Witness { return &Witness{w: w, watcher: p.run} }

// Dial opens a connection to the primary. It fails or hangs if the plan says so.
func (p LineParts) Dial(ctx context.Context) (io.WriteCloser, error) { return p.Primary.dial(ctx) }

// CheckLines checks the property for records that are lines, alone and in batches, where both sinks
// cut writes anywhere. It reads the files as a user does, line by line:
//
//   - A line is a whole record, or the beginning of one whose write was cut. No record is glued to
//     another, except where nothing above the adapter serializes writes and one overlaps the write
//     that is cut.
//   - Each offered record occurs once among the records that the primary acknowledged, those that
//     the fallback acknowledged, and those reported lost.
//   - The primary has the lines of each goroutine in order, unless a wide lane is before it.
//   - When Sync returns, each line that was accepted before it is in a file or lost.
//   - Whatever is in a file without an acknowledgment is counted as torn or late.
func CheckLines(t *testing.T, adapter LineAdapter) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		p := drawLines(t)
		rapid.SyncTest(t, func(t *rapid.T) {
			if err := p.check(adapter); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// withoutVote are the acts of a primary that do not count as a failure of it.
var withoutVote = [...]act{takes, tooLarge, busy, canceled}

// linePlan is one run.
type linePlan struct {
	primary, fallback []fileStep
	dials             []fileStep

	goroutines, writes int  // writes of each goroutine
	locked             bool // writes are serialized, as by a logger's lock
	pause              time.Duration
	batches            []int // the numbers of lines of the writes, in turn
	padding            []int // the padding of the lines, in turn
	bad                int   // each bad-th write makes both sides panic; 0: none

	threshold int
	recovery  time.Duration
	slow      bool // with a slow threshold

	repanic, whole, lossAsSuccess bool
	panicky                       int // each panicky-th call of a user's function does not return; 0: all do

	disturbances []lineDisturbance
	closeHangs   bool // the primary's Close hangs
}

// fileStep is one step of a file's script.
type fileStep struct {
	act   act
	at    int // where the write is cut, modulo its length
	hangs bool
}

// lineDisturbance is an operator's call during the run.
type lineDisturbance struct {
	after    time.Duration
	does     disturbing
	patience time.Duration // of Shutdown's context; 0: already canceled, negative: unlimited
}

type disturbing int

const (
	syncing disturbing = iota
	tripping
	resetting
	shuttingDown
)

func drawLines(t *rapid.T) linePlan {
	often := func(label string, one int) int {
		return rapid.SampledFrom([]int{0, 0, 0, one, one + 2}).Draw(t, label)
	}
	few := func(label string, most int) []int {
		return rapid.SliceOfN(rapid.IntRange(0, most), 1, 5).Draw(t, label)
	}
	p := linePlan{
		primary:       fileSteps(t, "primary", 40),
		fallback:      fileSteps(t, "fallback", 40),
		dials:         fileSteps(t, "dials", 8),
		goroutines:    rapid.IntRange(1, 16).Draw(t, "goroutines"),
		writes:        rapid.IntRange(1, 10).Draw(t, "writes"),
		locked:        rapid.Bool().Draw(t, "locked"),
		pause:         rapid.SampledFrom([]time.Duration{0, time.Millisecond, 700 * time.Millisecond}).Draw(t, "pause"),
		batches:       few("lines", 3),
		padding:       few("padding", 30),
		bad:           often("bad", 3),
		threshold:     rapid.IntRange(1, 3).Draw(t, "threshold"),
		recovery:      rapid.SampledFrom([]time.Duration{time.Second, 0}).Draw(t, "recovery"),
		slow:          often("slow", 1) > 0,
		repanic:       often("repanic", 1) > 0,
		whole:         often("whole", 1) > 0,
		lossAsSuccess: often("loss as success", 1) > 0,
		panicky:       often("panicky", 2),
		disturbances: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) lineDisturbance {
			return lineDisturbance{
				after: time.Duration(rapid.IntRange(0, 3000).Draw(t, "after")) * 1001 * time.Microsecond,
				does:  disturbing(rapid.IntRange(int(syncing), int(shuttingDown)).Draw(t, "does")),
				patience: rapid.SampledFrom([]time.Duration{0, 50 * time.Millisecond, 2 * time.Second, 20 * time.Second, -1}).
					Draw(t, "patience"),
			}
		}), 0, 3).Draw(t, "disturbances"),
		closeHangs: often("close hangs", 1) > 0,
	}
	if often("healthy", 1) == 1 { // no failure of the primary votes
		p.panicky = 0
		for i, s := range p.primary {
			p.primary[i] = fileStep{act: withoutVote[s.at%len(withoutVote)]}
		}
	}
	return p
}

// fileSteps draws a script. Hanging is rare, because a file that hangs does nothing else meanwhile.
func fileSteps(t *rapid.T, label string, most int) []fileStep {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fileStep {
		return fileStep{
			act: rapid.SampledFrom([]act{
				takes, takes, fails, tears, tears, short, tooLarge, busy, canceled, panics, exits, lies,
			}).Draw(t, "act"),
			at:    rapid.IntRange(0, 60).Draw(t, "at"),
			hangs: rapid.IntRange(0, 8).Draw(t, "hangs") == 8,
		}
	}), 0, most).Draw(t, label)
}
