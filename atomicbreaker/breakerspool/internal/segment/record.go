// SPDX-License-Identifier: Apache-2.0

package segment

import "bytes"

// Rest returns the data of a frame that are not acknowledged.
func (f Frame) Rest(acked Position) []byte {
	switch {
	case f.Offset < acked.Offset:
		return nil
	case f.Offset == acked.Offset:
		return f.Data[min(int64(acked.Taken), int64(len(f.Data))):]
	}
	return f.Data
}

// CountRecords returns the number of records in the data of a frame: its lines if it ends with a
// newline, and otherwise 1. No data are no record.
func CountRecords(p []byte) int {
	if len(p) > 0 && p[len(p)-1] == '\n' {
		return bytes.Count(p, []byte{'\n'})
	}
	return min(len(p), 1)
}
