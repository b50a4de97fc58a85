// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// shower prints what a spool holds. It ends early only if the output fails.
type shower struct {
	out      *bufio.Writer
	stderr   io.Writer
	reported bool // there is damage, or a file cannot be read
}

// complain reports damage, or a file that cannot be read, after the records before it.
func (s *shower) complain(err error) {
	s.reported = true
	_ = s.out.Flush()
	_, _ = fmt.Fprintf(s.stderr, "breakerspool: %v\n", err)
}

// names returns the names of the segments in a directory. An error counts only if there is none.
func (s *shower) names(dir string) ([]string, error) {
	found, err := names(dir)
	if err != nil && len(found) > 0 {
		s.complain(err)
		err = nil
	}
	return found, err
}

// cat prints the records of a directory.
func (s *shower) cat(dir string) error {
	found, err := s.names(dir)
	if err != nil {
		return err
	}
	for _, base := range found {
		var failed error // of the output
		err := scan(filepath.Join(dir, base),
			func(_ segment.Frame, data []byte) error { failed = s.print(data); return failed },
			s.complain)
		switch {
		case failed != nil:
			return failed
		case err != nil && !errors.Is(err, fs.ErrNotExist): // else the process has delivered it meanwhile
			s.complain(err)
		}
	}
	return nil
}

// print prints a record. It adds a newline to one that has none.
func (s *shower) print(record []byte) error {
	_, err := s.out.Write(record)
	if err == nil && record[len(record)-1] != '\n' {
		err = s.out.WriteByte('\n')
	}
	return err
}

// row is one line of ls.
type row struct {
	records, bytes int64
	damage         int
	oldest         time.Time
}

func (r *row) add(o row) {
	r.records += o.records
	r.bytes += o.bytes
	r.damage += o.damage
	if r.oldest.IsZero() {
		r.oldest = o.oldest
	}
}

func (r *row) columns() string {
	oldest := "-"
	if !r.oldest.IsZero() {
		oldest = r.oldest.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%d\t%d\t%s\t%d", r.records, r.bytes, oldest, r.damage)
}

// list prints the segments of a directory, and of the directory rejected in it.
func (s *shower) list(dir string) error {
	found, err := s.names(dir)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "segment\trecords\tbytes\toldest\tdamage")
	total := s.rows(table, dir, "", found)
	_, _ = fmt.Fprintf(table, "total\t%s\n", total.columns())
	dir = filepath.Join(dir, "rejected")
	found, err = s.names(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.complain(err)
	}
	if len(found) > 0 {
		total = s.rows(table, dir, "rejected/", found)
		_, _ = fmt.Fprintf(table, "rejected\t%s\n", total.columns())
	}
	return table.Flush()
}

// rows prints a line for each segment, and returns the total.
func (s *shower) rows(table io.Writer, dir, prefix string, found []string) (total row) {
	for _, base := range found {
		var r row
		name := filepath.Join(dir, base)
		if info, err := os.Stat(name); err == nil {
			r.bytes = info.Size()
		}
		err := scan(name, func(f segment.Frame, data []byte) error {
			if r.records == 0 {
				r.oldest = f.Time
			}
			r.records += int64(segment.CountRecords(data))
			return nil
		}, func(error) { r.damage++ })
		if errors.Is(err, fs.ErrNotExist) {
			continue // the process has delivered it meanwhile
		}
		if err != nil {
			s.complain(err)
		}
		s.reported = s.reported || r.damage > 0
		_, _ = fmt.Fprintf(table, "%s%s\t%s\n", prefix, base, r.columns())
		total.add(r)
	}
	return total
}
