// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

func to(state atomicbreaker.State, cause atomicbreaker.Cause) atomicbreaker.Transition {
	return atomicbreaker.Transition{To: state, Cause: cause}
}

var (
	trips      = to(atomicbreaker.Open, atomicbreaker.CauseFailureThreshold)
	probes     = to(atomicbreaker.HalfOpen, atomicbreaker.CauseProbeAdmitted)
	probeFails = to(atomicbreaker.Open, atomicbreaker.CauseProbeFailed)
	closes     = to(atomicbreaker.Closed, atomicbreaker.CauseProbeSucceeded)
)

func TestTimelineOfAnOutage(t *testing.T) {
	tl := newTimeline(true)
	assert.Equal(t, healthy, tl.phase())
	tl.sinkDies(counts{offered: 100, refused: 1})
	assert.Equal(t, outage, tl.phase())
	for _, tr := range []atomicbreaker.Transition{trips, probes, probeFails, probes, probeFails} {
		tl.observe(tr)
	}
	tl.sinkReturns(counts{offered: 300, refused: 9})
	assert.Equal(t, outage, tl.phase(), "until the breaker has closed")
	tl.observe(probes)
	tl.observe(closes)
	assert.Equal(t, recovered, tl.phase())
	assert.NotPanics(t, func() { tl.observe(trips); tl.observe(probes); tl.observe(closes) }, "once more")
	<-tl.recovered

	s := tl.story()
	assert.Equal(t, 2, s.failedProbes)
	assert.False(t, s.opened.Before(s.died))
	assert.False(t, s.closed.Before(s.returned))
	told := map[string]string{}
	for _, line := range s.tell(10) {
		told[line[0]] = line[1]
	}
	assert.Equal(t, "2", told["probes sent during the outage"])
	assert.Equal(t, "9", told["records that tried the dead sink"])
	assert.Equal(t, "200", told["records logged while it was down"])
	assert.Contains(t, told, "restart to closed")
}

// An overloaded machine may trip the breaker while the sink lives; that is not the outage that the report tells of.
func TestTimelineBeforeTheOutage(t *testing.T) {
	tl := newTimeline(true)
	tl.observe(trips)
	tl.observe(probes)
	tl.observe(closes)
	assert.Equal(t, healthy, tl.phase())
	assert.Equal(t, story{}, tl.story())
	select {
	case <-tl.recovered:
		t.Error("recovered from nothing")
	default:
	}
}

// With somebody's own endpoint the breaker is the only one who knows.
func TestTimelineOfSomebodysEndpoint(t *testing.T) {
	tl := newTimeline(false)
	tl.observe(trips)
	assert.Equal(t, outage, tl.phase())
	assert.Contains(t, tl.story().tell(5), [2]string{"first outage", "not over at the end"})
	tl.observe(probes)
	tl.observe(closes)
	assert.Equal(t, recovered, tl.phase())
	tl.observe(trips)
	assert.Equal(t, outage, tl.phase(), "the second one")
	assert.Contains(t, newTimeline(false).story().tell(0), [2]string{"first outage", "none"})
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                        "0s",
		1:                        "1ns",
		1234:                     "1.23µs",
		999_999:                  "1ms",
		12_345_678:               "12.3ms",
		time.Second * 32 / 15:    "2.13s",
		4 * time.Second:          "4s",
		59 * time.Second:         "59s",
		time.Minute:              "1m",
		90 * time.Second:         "1m30s",
		10 * time.Minute:         "10m",
		time.Hour:                "1h",
		time.Hour + time.Minute:  "1h1m",
		61*time.Second + 1234567: "1m1s",
	} {
		assert.Equal(t, want, brief(d))
	}
}
