// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strconv"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Seconds is a duration. All formats but HTML show it as a number of seconds.
type Seconds time.Duration

// MarshalText returns the seconds as a decimal number without an exponent.
func (s Seconds) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', -1, 64), nil
}

// MarshalJSON returns a JSON number.
func (s Seconds) MarshalJSON() ([]byte, error) { return s.MarshalText() }

// Overview describes all breakers: those of groups in one row for each group.
type Overview struct {
	At       time.Time `json:"at"`
	Counts   States    `json:"counts"` // of all breakers, whatever the query selects
	Breakers []Breaker `json:"breakers"`
	Groups   []Group   `json:"groups"`
}

// GroupView describes a group and its breakers.
type GroupView struct {
	At time.Time `json:"at"`
	Group
	Breakers []Breaker `json:"breakers"`
}

// Detail describes one breaker.
type Detail struct {
	At time.Time `json:"at"`
	Breaker
	Options     string       `json:"options"`
	Parts       []Part       `json:"parts"`
	Transitions []Count      `json:"transitions"`
	History     []Transition `json:"history"` // the oldest first
}

// Breaker is one breaker.
type Breaker struct {
	ID                uint64              `json:"id"`
	Name              string              `json:"name"`
	Group             string              `json:"group"`
	State             atomicbreaker.State `json:"state"`
	ProbeDue          bool                `json:"probe_due"`
	Since             time.Time           `json:"since"`
	Cause             string              `json:"cause"` // empty before the first transition
	LastError         string              `json:"last_error"`
	RetryAfter        Seconds             `json:"retry_after_seconds"`
	Failures          int                 `json:"failures"`
	Attempt           int                 `json:"attempt"`
	Generation        uint32              `json:"generation"`
	HalfOpenCalls     int                 `json:"half_open_calls"`
	HalfOpenSuccesses int                 `json:"half_open_successes"`
	Total             uint64              `json:"transitions_total"`
	NotClosed         Seconds             `json:"not_closed_seconds"`
	Writes            *Writes             `json:"writes"`  // the sum over the parts; nil without one that counts writes
	Backlog           *Backlog            `json:"backlog"` // the sum over the parts; nil without a spool
}

// Group sums the breakers of the groups of one name.
type Group struct {
	Name       string   `json:"name"`
	Breakers   int      `json:"breakers_total"`
	States     States   `json:"counts"`
	ProbesDue  int      `json:"probes_due"`
	RetryAfter Seconds  `json:"retry_after_seconds"`
	Failures   int      `json:"failures"`
	Attempt    int      `json:"attempt"`
	Total      uint64   `json:"transitions_total"`
	NotClosed  Seconds  `json:"not_closed_seconds"`
	Evicted    uint64   `json:"evicted"`
	Overflowed uint64   `json:"overflowed"`
	Writes     *Writes  `json:"writes"`
	Backlog    *Backlog `json:"backlog"`
}

// States counts breakers by state.
type States struct {
	Closed       int `json:"closed"`
	Open         int `json:"open"`
	HalfOpen     int `json:"half_open"`
	ForcedOpen   int `json:"forced_open"`
	ForcedClosed int `json:"forced_closed"`
}

// at returns the count of a state.
func (s *States) at(state atomicbreaker.State) *int {
	switch state {
	case atomicbreaker.Open:
		return &s.Open
	case atomicbreaker.HalfOpen:
		return &s.HalfOpen
	case atomicbreaker.ForcedOpen:
		return &s.ForcedOpen
	case atomicbreaker.ForcedClosed:
		return &s.ForcedClosed
	case atomicbreaker.Closed:
	}
	return &s.Closed
}

// Add adds n breakers in a state.
func (s *States) Add(state atomicbreaker.State, n int) { *s.at(state) += n }

// Of returns the count of a state.
func (s States) Of(state atomicbreaker.State) int { return *s.at(state) }

// Sum returns the number of all breakers.
func (s States) Sum() int {
	return s.Closed + s.Open + s.HalfOpen + s.ForcedOpen + s.ForcedClosed
}

// Part is what a part that is attached to a breaker has counted. One of the pointers is not nil.
type Part struct {
	Type    string   `json:"type"`
	Writes  *Writes  `json:"writes"`
	Batches *Batches `json:"batches"`
	Backlog *Backlog `json:"backlog"`
}

// Writes are the counts of an adapter. The fields are those of [guard.Stats].
type Writes struct {
	Fallback     uint64 `json:"fallback"`
	Lost         uint64 `json:"lost"`
	Rejected     uint64 `json:"rejected"`
	Failed       uint64 `json:"failed"`
	Panicked     uint64 `json:"panicked"`
	Busy         uint64 `json:"busy"`
	RecordErrors uint64 `json:"record_errors"`
	Slow         uint64 `json:"slow"`
	Torn         uint64 `json:"torn"`
	FallbackTorn uint64 `json:"fallback_torn"`
	Late         uint64 `json:"late"`
	Outages      uint64 `json:"outages"`
}

// WritesOf converts the counts of an adapter.
func WritesOf(s guard.Stats) *Writes { w := Writes(s); return &w }

// Batches are the counts of a batcher.
type Batches struct {
	Records    uint64 `json:"records"`
	Batches    uint64 `json:"batches"`
	Waiting    uint64 `json:"waiting_bytes"`
	Overflowed uint64 `json:"overflowed"`
}

// Backlog is the contents of a spool.
type Backlog struct {
	Records  uint64     `json:"records"`
	Bytes    int64      `json:"bytes"`
	Oldest   *time.Time `json:"oldest"` // nil without a record
	Appended uint64     `json:"appended"`
	Replayed uint64     `json:"replayed"`
	Repeated uint64     `json:"repeated"`
	Dropped  uint64     `json:"dropped"`
	Corrupt  uint64     `json:"corrupt"`
}

// BacklogOf converts the counts of a spool.
func BacklogOf(b guard.Backlog) *Backlog {
	converted := &Backlog{
		Records: b.Records, Bytes: b.Bytes, Appended: b.Appended, Replayed: b.Replayed,
		Repeated: b.Repeated, Dropped: b.Dropped, Corrupt: b.Corrupt,
	}
	if !b.Oldest.IsZero() {
		oldest := b.Oldest.UTC()
		converted.Oldest = &oldest
	}
	return converted
}

// Count is how many transitions of a kind a breaker made.
type Count struct {
	From  atomicbreaker.State `json:"from"`
	To    atomicbreaker.State `json:"to"`
	Cause string              `json:"cause"`
	Count uint64              `json:"count"`
}

// Transition is one change of a breaker's state.
type Transition struct {
	At         time.Time           `json:"at"`
	From       atomicbreaker.State `json:"from"`
	To         atomicbreaker.State `json:"to"`
	Cause      string              `json:"cause"`
	Generation uint32              `json:"generation"`
	Failures   int                 `json:"failures"`
	Attempt    int                 `json:"attempt"`
	Error      string              `json:"error"`
}
