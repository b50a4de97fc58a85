// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// verdict is where the offered records were found. When both files could be read back,
//
//	offered + duplicated = primary + fallback + lost
//
// The same holds of an endpoint that is believed, as far as it acknowledged what it took.
type verdict struct {
	offered           int
	primary, fallback contents
	lost              int      // found nowhere
	duplicated        int      // copies beyond the first: the sink stored a record too late, or as an asynchronous probe
	first             []uint64 // numbers of the first few lost ones
	believed          bool     // primary is what an endpoint acknowledged; it was not read back
}

// from completes the verdict when seen has what was found in both places.
func (v verdict) from(seen tally) verdict {
	v.offered = len(seen)
	v.lost, v.first = seen.missing()
	v.duplicated = v.primary.records + v.fallback.records - seen.distinct()
	return v
}

// foreign is how many records turned up that nobody logged.
func (v verdict) foreign() int { return v.primary.foreign + v.fallback.foreign }

// problem says what is wrong with the records, or "".
func (v verdict) problem() string {
	subject, verb := fmt.Sprintf("%d records", v.lost), "are"
	if v.lost == 1 {
		subject, verb = "1 record", "is"
	}
	switch {
	case v.foreign() > 0:
		return fmt.Sprintf("records were found that nobody logged: %d", v.foreign())
	case v.lost != 0 && v.believed:
		was := map[bool]string{true: "was", false: "were"}[v.lost == 1]
		return fmt.Sprintf("%s %s neither acknowledged by the sink nor found in the fallback: %s", subject, was, v.examples())
	case v.lost != 0:
		return fmt.Sprintf("%s %s in neither file: %s", subject, verb, v.examples())
	}
	return ""
}

// examples lists the first lost records by number.
func (v verdict) examples() string {
	numbers := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(v.first), "[]")), ", ")
	if len(v.first) < v.lost {
		numbers += ", …"
	}
	return numbers
}
