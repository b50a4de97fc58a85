// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// Contents counts what is in a file of records.
type Contents struct {
	Records int // whole records with a number that was offered
	Torn    int // lines that are no whole record, as a writer leaves that is killed in mid-write
	Late    int // of the records, those that the sink stored when their sender had given them up
	foreign int // whole records with a number that was never offered; a run leaves none
}

// Tally counts how often each offered record was found. The verdict rests on it alone, not on what
// a guard believes.
type Tally []uint8

// ReadBack reads a file of one JSON record a line and adds its records to seen. A missing file
// counts as empty. The lines of a sink's file begin with the times at which the record was stored
// and sent; if it took longer than patience, the record is late.
func ReadBack(path string, seen Tally, patience time.Duration) (Contents, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Contents{}, nil
	}
	if err != nil {
		return Contents{}, err
	}
	defer func() { _ = file.Close() }()
	return ReadRecords(file, seen, patience)
}

// ReadRecords is ReadBack of a reader.
func ReadRecords(r io.Reader, seen Tally, patience time.Duration) (found Contents, err error) {
	lines := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 {
			found.Add(line, seen, patience)
		}
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
	}
}

// Add counts a line, without its line break, and adds it to seen.
func (c *Contents) Add(line []byte, seen Tally, patience time.Duration) {
	var record struct {
		Seq *uint64 `json:"seq"`
	}
	line, waited, whole := sink.Unstamp(line)
	switch err := json.Unmarshal(line, &record); {
	case !whole || err != nil || record.Seq == nil:
		c.Torn++
	case *record.Seq >= uint64(len(seen)):
		c.foreign++
	default:
		c.Records++
		if n := &seen[*record.Seq]; *n < 255 {
			*n++
		}
		if waited > patience {
			c.Late++
		}
	}
}
