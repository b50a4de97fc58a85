// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	duplicated        int      // copies beyond the first: mostly, the sink stored a record but could not say so in time
	first             []uint64 // numbers of the first few lost ones
	believed          bool     // primary is what an endpoint took by its own account; it was not read back
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

// foreign is how many records turned up that nobody logged.
func (v verdict) foreign() int { return v.primary.foreign + v.fallback.foreign }

// cells are the verdict's columns in the table.
func (v verdict) cells() []string {
	duplicated, late := fmt.Sprint(v.duplicated), fmt.Sprint(v.primary.late)
	if v.believed {
		duplicated, late = "unknown", "unknown"
	}
	return []string{
		fmt.Sprint(v.offered), fmt.Sprint(v.primary.records), fmt.Sprint(v.fallback.records), fmt.Sprint(v.lost), duplicated, late,
	}
}

var verdictColumns = []string{"offered", "primary", "fallback", "lost", "duplicated", "late"}

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
		return subject + " can neither have been taken by the sink nor be found in the fallback"
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
