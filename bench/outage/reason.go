// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// reason is why a record went to the fallback.
type reason int

const (
	rejected    reason = iota // the breaker did not admit it
	failed                    // the sink's client returned an error
	hung                      // the lane got no answer within its timeout, and said so to the breaker
	busy                      // the same, and the breaker knew already
	recordError               // the sink refused the record for its own sake
	reasons                   // how many there are
)

var reasonNames = [reasons]string{"rejected", "failed", "hung", "busy", "record error"}

// usualReasons are those that are shown also where there was no such record.
const usualReasons = busy + 1

// byReason counts diverted records.
type byReason [reasons]uint64

// minus is what was counted since an earlier moment.
func (c byReason) minus(earlier byReason) byReason {
	for i := range c {
		c[i] -= earlier[i]
	}
	return c
}

// sum is the number of all records.
func (c byReason) sum() (n uint64) {
	for _, of := range c {
		n += of
	}
	return n
}

// chief is the name of the most frequent reason, or "-" if there was no record.
func (c byReason) chief() string {
	most := rejected
	for r := range reasons {
		if c[r] > c[most] {
			most = r
		}
	}
	if c[most] == 0 {
		return "-"
	}
	return reasonNames[most]
}

// shown are the reasons that a table lists: the usual ones, and any other that there was.
func (c byReason) shown() (list []reason) {
	for r := range reasons {
		if r < usualReasons || c[r] > 0 {
			list = append(list, r)
		}
	}
	return list
}

// String lists the reasons that there were: "1961 rejected, 6 failed, 3 hung".
func (c byReason) String() string {
	var parts []string
	for r := range reasons {
		if c[r] > 0 {
			parts = append(parts, compact(c[r])+" "+reasonNames[r])
		}
	}
	return strings.Join(parts, ", ")
}

// compact writes a count in at most five characters, if it is below a hundred million.
func compact(n uint64) string {
	switch {
	case n < 100_000:
		return fmt.Sprint(n)
	case n < 999_500:
		return fmt.Sprintf("%.0fk", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1e6)
}
