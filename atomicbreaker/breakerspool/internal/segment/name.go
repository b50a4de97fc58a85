// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"fmt"
	"strconv"
	"strings"
)

// Suffixes of the names of a spool's files.
const (
	FileSuffix = ".seg" // of a segment
	AckSuffix  = ".ack" // of its log of acknowledgments
	BadSuffix  = ".bad" // of a segment that lost its header
)

// Numbers is how many numbers there are for segments. A file with a higher one is not the spool's:
// its name has a flipped bit, for example. A new segment could get no number above it.
const Numbers = 1 << 62

// Name returns the name of a file. Names sort as their numbers do.
func Name(number uint64, suffix string) string { return fmt.Sprintf("%016x", number) + suffix }

// ParseName returns the number in a file's name. ok is false if the name is not a spool's.
func ParseName(name, suffix string) (number uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(hex, 16, 64)
	return number, err == nil && number < Numbers && Name(number, suffix) == name
}
