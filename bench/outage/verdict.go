// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
)

// verdict is where the offered records were found. When both files could be read back,
//
//	offered + duplicated = primary + fallback + lost
type verdict struct {
	offered           int
	primary, fallback contents
	lost              int      // found nowhere
	duplicated        int      // copies beyond the first: mostly, the sink stored a record but could not say so any more
	first             []uint64 // numbers of the first few lost ones
	believed          bool     // primary is what an endpoint acknowledged; it was not read back
}

// from completes the verdict when both files were read back.
func (v verdict) from(seen tally) verdict {
	v.offered = len(seen)
	v.lost, v.first = seen.missing()
	v.duplicated = v.primary.records + v.fallback.records - seen.distinct()
	return v
}

// believing completes the verdict when only the fallback could be read back. A record that the endpoint took without
// its acknowledgement getting through is in the fallback as well; from here that cannot be seen.
func (v verdict) believing(seen tally, acknowledged uint64) verdict {
	v.offered = len(seen)
	v.believed = true
	v.primary.records = int(acknowledged)
	v.lost = v.offered - v.primary.records - seen.distinct()
	v.duplicated = v.fallback.records - seen.distinct()
	return v
}

// isWrong says whether a record is missing, or one turned up that nobody logged.
func (v verdict) isWrong() bool { return v.lost != 0 || v.primary.foreign+v.fallback.foreign != 0 }

// problem is isWrong as an error.
func (v verdict) problem() error {
	if !v.isWrong() {
		return nil
	}
	return errors.New(v.meaning())
}

func (v verdict) String() string {
	duplicated := fmt.Sprint(v.duplicated)
	if v.believed {
		duplicated = "unknown"
	}
	s := fmt.Sprintf("offered=%d primary=%d fallback=%d lost=%d duplicated=%s",
		v.offered, v.primary.records, v.fallback.records, v.lost, duplicated)
	if torn := v.primary.torn + v.fallback.torn; torn > 0 {
		s += fmt.Sprintf(" torn=%d", torn)
	}
	return s
}

// meaning says the verdict in a sentence.
func (v verdict) meaning() string {
	subject := fmt.Sprintf("%d records are", v.lost)
	if v.lost == 1 {
		subject = "1 record is"
	}
	switch {
	case v.primary.foreign+v.fallback.foreign > 0:
		return fmt.Sprintf("records were found that nobody logged: %d", v.primary.foreign+v.fallback.foreign)
	case v.lost != 0 && v.believed:
		return strings.NewReplacer(" is", " was", " are", " were").Replace(subject) + " neither acknowledged nor found in the fallback"
	case v.lost != 0:
		return fmt.Sprintf("%s in neither file: %s", subject, v.examples())
	case v.believed:
		return "every record was acknowledged by the endpoint or is in the fallback"
	case v.duplicated > 0:
		return "every record is in one of the two files; the duplicates are in both: stored, but not acknowledged any more"
	}
	return "every record is in one of the two files"
}

// examples lists the first lost records by number.
func (v verdict) examples() string {
	numbers := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(v.first), "[]")), ", ")
	if len(v.first) < v.lost {
		numbers += ", …"
	}
	return numbers
}
