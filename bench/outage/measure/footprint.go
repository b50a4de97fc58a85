// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"os"
	"strconv"
	"strings"
)

// residentBytes is how much memory of this process is resident, and 0 where there is no Linux to
// ask.
func residentBytes() uint64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
