// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

const laneTimeout = 100 * time.Millisecond

// laneHangs is a sink that hangs from time to time: calls that are in it or enter it then return
// when the hang is over.
type laneHangs struct {
	mu      sync.Mutex
	until   time.Time
	inside  int
	most    int
	file    []byte
	tears   bool // late writes are torn
	entered map[string]int
}

// hold blocks a call until the hang is over.
func (h *laneHangs) hold() (held time.Duration) {
	h.mu.Lock()
	h.inside++
	h.most = max(h.most, h.inside)
	held = time.Until(h.until)
	h.mu.Unlock()
	time.Sleep(max(held, 100*time.Microsecond))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inside--
	return held
}

func (h *laneHangs) Sync() error { h.hold(); return nil }

func (h *laneHangs) Write(p []byte) (int, error) {
	held := h.hold()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entered[strings.TrimSpace(string(p))]++
	if held > laneTimeout && h.tears {
		h.file = append(h.file, p[:len(p)/2]...)
		return len(p) / 2, errDown
	}
	h.file = append(h.file, p...)
	return len(p), nil
}

// A hang of k timeouts causes at most k failures and at most width stuck goroutines. Each record is
// either taken once or refused. A refused record may be in the sink only if it is counted as late.
func TestLane_Property(t *testing.T) {
	const timeout = laneTimeout
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 8).Draw(t, "width")
		callers := rapid.IntRange(1, 24).Draw(t, "callers")
		records := rapid.IntRange(1, 20).Draw(t, "records")
		pause := rapid.SampledFrom([]time.Duration{0, 3 * time.Millisecond, 70 * time.Millisecond}).Draw(t, "pause")
		outages := rapid.SliceOfN(rapid.IntRange(0, 6), 0, 4).Draw(t, "timeouts of each hang")
		syncs := rapid.IntRange(0, 30).Draw(t, "syncs")
		tears := width == 1 && rapid.Bool().Draw(t, "tears")
		rapid.SyncTest(t, func(t *rapid.T) {
			sink := &laneHangs{tears: tears, entered: map[string]int{}}
			lane := breakerio.NewLane(sink, timeout, breakerio.WithWidth(width))
			var mu sync.Mutex
			var votes []time.Time
			verdicts := map[string]error{}
			var wg sync.WaitGroup
			for c := range callers {
				wg.Go(func() {
					for i := range records {
						record := fmt.Sprintf("caller %d record %d.", c, i)
						began := time.Now()
						_, err := lane.Write([]byte(record + "\n"))
						mu.Lock()
						verdicts[record] = err
						if errors.Is(err, breakerio.ErrHung) {
							votes = append(votes, time.Now())
						}
						mu.Unlock()
						if waited := time.Since(began); waited > 2*timeout {
							t.Errorf("a caller waited %v", waited)
						}
						time.Sleep(pause)
					}
				})
			}
			wg.Go(func() {
				for range syncs {
					if err := lane.Sync(); err != nil && !errors.Is(err, breakerio.ErrBusy) {
						t.Errorf("sync: %v", err)
					}
					time.Sleep(7 * time.Millisecond)
				}
			})
			most := 0
			for _, k := range outages {
				time.Sleep(13 * time.Millisecond)
				began := time.Now()
				over := began.Add(time.Duration(k)*timeout + timeout/3)
				sink.mu.Lock()
				sink.until = over
				sink.mu.Unlock()
				time.Sleep(time.Until(over))
				most += k
			}
			wg.Wait()
			time.Sleep(10 * timeout)
			synctest.Wait()
			if len(votes) > most {
				t.Errorf("%d votes of %d timeouts", len(votes), most)
			}
			slices.SortFunc(votes, time.Time.Compare)
			for i := 1; i < len(votes); i++ {
				if votes[i].Sub(votes[i-1]) < timeout {
					t.Errorf("ErrHung twice within %v", votes[i].Sub(votes[i-1]))
				}
			}
			if sink.most > width {
				t.Errorf("%d writes at once in a lane of width %d", sink.most, width)
			}
			late := uint64(0)
			for record, err := range verdicts {
				entered, inFile := sink.entered[record], strings.Count(string(sink.file), record+"\n")
				refused := errors.Is(err, breakerio.ErrHung) || errors.Is(err, breakerio.ErrBusy)
				switch {
				case refused && entered == 1:
					late++
				case err == nil && (entered != 1 || inFile != 1):
					t.Errorf("%s was accepted, and is there %d times", record, inFile)
				case err != nil && !refused, entered > 1:
					t.Errorf("%s: %v, entered %d times", record, err, entered)
				}
				if err == nil && !strings.Contains("\n"+string(sink.file), "\n"+record+"\n") {
					t.Errorf("%s is not on its own line", record)
				}
			}
			if got := lane.Late(); got != late {
				t.Errorf("%d writes were late, counted are %d", late, got)
			}
			if err := lane.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	})
}
