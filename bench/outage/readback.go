// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// contents is what one file of records was found to hold.
type contents struct {
	records int // whole records with a number that was offered
	torn    int // lines that are no whole record: what a writer killed in mid-write leaves. Nobody acknowledged them
	foreign int // whole records with a number that was never offered; a run leaves none
	late    int // of the records, those that the sink stored when their sender had given them up
}

// tally counts in how many places each offered record was found. It is all the evidence of the verdict: nothing that
// the guard believes about a record gets in here.
type tally []uint8

// readBack reads a file of one JSON record a line and adds what it finds to seen. A file that is not there is empty. The
// lines of a sink's file begin with when they were stored and sent; those that took longer than patience are late.
func readBack(path string, seen tally, patience time.Duration) (contents, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return contents{}, nil
	}
	if err != nil {
		return contents{}, err
	}
	defer func() { _ = file.Close() }()
	return readRecords(file, seen, patience)
}

func readRecords(r io.Reader, seen tally, patience time.Duration) (found contents, err error) {
	lines := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 {
			found.add(line, seen, patience)
		}
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
	}
}

func (c *contents) add(line []byte, seen tally, patience time.Duration) {
	var record struct {
		Seq *uint64 `json:"seq"`
	}
	line, waited, whole := unstamp(line)
	switch err := json.Unmarshal(line, &record); {
	case !whole || err != nil || record.Seq == nil:
		c.torn++
	case *record.Seq >= uint64(len(seen)):
		c.foreign++
	default:
		c.records++
		if n := &seen[*record.Seq]; *n < 255 {
			*n++
		}
		if waited > patience {
			c.late++
		}
	}
}

// missing returns how many offered records were found nowhere, and the numbers of the first few.
func (t tally) missing() (count int, first []uint64) {
	for seq, n := range t {
		if n > 0 {
			continue
		}
		if count++; len(first) < 5 {
			first = append(first, uint64(seq))
		}
	}
	return count, first
}

// distinct returns how many offered records were found at least once.
func (t tally) distinct() int {
	n, _ := t.missing()
	return len(t) - n
}
