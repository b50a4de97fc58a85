// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"fmt"
	"strings"
)

// Verdict is where the offered records were found at the end of a run:
//
//	offered = in the sink + undelivered
//	undelivered = in the fallback alone + lost
//
// If the sink's file cannot be read, the records that the sink acknowledged count as in the sink.
type Verdict struct {
	Offered    int
	InSink     int // each counted once
	Stranded   int // in the fallback, or in the spool, and not in the sink
	Lost       int // found nowhere
	Duplicated int // copies beyond the first

	Primary, Fallback Contents
	Believed          bool // Primary is what an endpoint acknowledged; it was not read back

	stranded, lost []uint64 // the numbers of the first few
}

// named is how many records a problem names.
const named = 5

// Complete counts where the records are, given how often each was found in both places.
func (v Verdict) Complete(inSink, inFallback Tally) Verdict {
	v.Offered = len(inSink)
	for seq := range inSink {
		switch {
		case inSink[seq] > 0:
			v.InSink++
		case inFallback[seq] > 0:
			if v.Stranded++; v.Stranded <= named {
				v.stranded = append(v.stranded, uint64(seq))
			}
		default:
			if v.Lost++; v.Lost <= named {
				v.lost = append(v.lost, uint64(seq))
			}
		}
	}
	v.Duplicated = v.Primary.Records + v.Fallback.Records - v.InSink - v.Stranded
	return v
}

// Undelivered is how many records are not in the sink.
func (v Verdict) Undelivered() int { return v.Stranded + v.Lost }

// Foreign is the number of records that were found and never logged.
func (v Verdict) Foreign() int { return v.Primary.foreign + v.Fallback.foreign }

// Problem says what is wrong with the records, or "". If all of them should be in the sink, the
// stranded ones are a problem too.
func (v Verdict) Problem(all bool) string {
	switch {
	case v.Foreign() > 0:
		return fmt.Sprintf("records were found that nobody logged: %d", v.Foreign())
	case v.Lost > 0 && v.Believed:
		return fmt.Sprintf("%s neither acknowledged by the sink nor found in the fallback: %s",
			records(v.Lost, "was", "were"), numbers(v.lost, v.Lost))
	case v.Lost > 0:
		return fmt.Sprintf("%s neither in the sink nor in the fallback: %s",
			records(v.Lost, "is", "are"), numbers(v.lost, v.Lost))
	case all && v.Stranded > 0:
		return fmt.Sprintf("%s still in the spool and not in the sink: %s",
			records(v.Stranded, "is", "are"), numbers(v.stranded, v.Stranded))
	}
	return ""
}

// records returns a number of records with its verb.
func records(n int, one, many string) string {
	if n == 1 {
		return "1 record " + one
	}
	return fmt.Sprintf("%d records %s", n, many)
}

// numbers lists the first of so many records.
func numbers(first []uint64, of int) string {
	list := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(first), "[]")), ", ")
	if len(first) < of {
		list += ", …"
	}
	return list
}
