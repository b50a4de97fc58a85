// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"fmt"
	"strings"
)

// Reason is why a record went to the fallback.
type Reason int

// The reasons.
const (
	Rejected    Reason = iota // the breaker did not admit it
	Failed                    // the sink's client returned an error
	Hung                      // the lane got no answer in time, and reported it to the breaker
	Busy                      // the same, and the breaker knew already
	RecordError               // the sink refused the record for its own sake
	Reasons                   // how many there are
)

// ReasonNames are the reasons' names in what is shown.
var ReasonNames = [Reasons]string{"rejected", "failed", "hung", "busy", "record error"}

// UsualReasons is the number of reasons that are shown even if no record had them.
const UsualReasons = Busy + 1

// ByReason counts diverted records.
type ByReason [Reasons]uint64

// minus is what was counted since an earlier moment.
func (c ByReason) minus(earlier ByReason) ByReason {
	for i := range c {
		c[i] -= earlier[i]
	}
	return c
}

// Sum is the number of all records.
func (c ByReason) Sum() (n uint64) {
	for _, of := range c {
		n += of
	}
	return n
}

// Chief returns the name of the most frequent reason, or "-" if there was no record.
func (c ByReason) Chief() string {
	most := Rejected
	for r := range Reasons {
		if c[r] > c[most] {
			most = r
		}
	}
	if c[most] == 0 {
		return "-"
	}
	return ReasonNames[most]
}

// Shown returns the reasons that a table lists: the usual ones, and any other that some record had.
func (c ByReason) Shown() (list []Reason) {
	for r := range Reasons {
		if r < UsualReasons || c[r] > 0 {
			list = append(list, r)
		}
	}
	return list
}

// String lists the reasons of the records: "1961 rejected, 6 failed, 3 hung".
func (c ByReason) String() string {
	var parts []string
	for r := range Reasons {
		if c[r] > 0 {
			parts = append(parts, Compact(c[r])+" "+ReasonNames[r])
		}
	}
	return strings.Join(parts, ", ")
}

// Compact writes a count in at most five characters, if it is below a hundred million.
func Compact(n uint64) string {
	switch {
	case n < 100_000:
		return fmt.Sprint(n)
	case n < 999_500:
		return fmt.Sprintf("%.0fk", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1e6)
}
