// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"fmt"
	"strings"
)

// Verdict is where the offered records were found. When both files could be read back,
//
//	offered + duplicated = primary + fallback + lost
//
// The same holds of an endpoint that is believed, as far as it acknowledged what it took.
type Verdict struct {
	Offered           int
	Primary, Fallback Contents
	Lost              int      // found nowhere
	Duplicated        int      // copies beyond the first: the sink stored a record too late, or as an asynchronous probe
	first             []uint64 // numbers of the first few lost ones
	Believed          bool     // primary is what an endpoint acknowledged; it was not read back
}

// From completes the verdict when seen has what was found in both places.
func (v Verdict) From(seen Tally) Verdict {
	v.Offered = len(seen)
	v.Lost, v.first = seen.Missing()
	v.Duplicated = v.Primary.Records + v.Fallback.Records - seen.distinct()
	return v
}

// Foreign is how many records turned up that nobody logged.
func (v Verdict) Foreign() int { return v.Primary.foreign + v.Fallback.foreign }

// Problem says what is wrong with the records, or "".
func (v Verdict) Problem() string {
	subject, verb := fmt.Sprintf("%d records", v.Lost), "are"
	if v.Lost == 1 {
		subject, verb = "1 record", "is"
	}
	switch {
	case v.Foreign() > 0:
		return fmt.Sprintf("records were found that nobody logged: %d", v.Foreign())
	case v.Lost != 0 && v.Believed:
		was := map[bool]string{true: "was", false: "were"}[v.Lost == 1]
		return fmt.Sprintf("%s %s neither acknowledged by the sink nor found in the fallback: %s", subject, was, v.examples())
	case v.Lost != 0:
		return fmt.Sprintf("%s %s in neither file: %s", subject, verb, v.examples())
	}
	return ""
}

// examples lists the first lost records by number.
func (v Verdict) examples() string {
	numbers := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(v.first), "[]")), ", ")
	if len(v.first) < v.Lost {
		numbers += ", …"
	}
	return numbers
}
