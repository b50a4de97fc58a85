// SPDX-License-Identifier: Apache-2.0

// The command breakerspool shows what a spool holds, also while a process uses it and after that
// process is gone. It never writes.
//
//	breakerspool ls DIR     the segments: records, bytes, oldest record, damage
//	breakerspool cat DIR    the records, oldest first, to pipe anywhere
//
// DIR may also be the directory rejected of a spool, with the records that the sink refused for
// good. cat adds a newline to a record that does not end with one. Both commands continue behind
// what is damaged or cannot be read. The exit status is 1 if there was any, and 2 for bad
// arguments.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

const usage = `usage:
  breakerspool ls DIR     the segments: records, bytes, oldest record, damage
  breakerspool cat DIR    the records, oldest first
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		_, _ = fmt.Fprint(stderr, usage)
		return 2
	}
	out := bufio.NewWriter(stdout)
	show := &shower{out: out, stderr: stderr}
	var err error
	switch args[0] {
	case "ls":
		err = show.list(args[1])
	case "cat":
		err = show.cat(args[1])
	default:
		_, _ = fmt.Fprintf(stderr, "breakerspool: no command %q\n%s", args[0], usage)
		return 2
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		_, _ = fmt.Fprintf(stderr, "breakerspool: %v\n", err)
		return 1
	}
	if show.damaged {
		return 1
	}
	return 0
}

type shower struct {
	out     *bufio.Writer
	stderr  io.Writer
	damaged bool
}

// names returns the names of the files in a directory that have one of the suffixes, oldest first.
func names(dir string, suffixes ...string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: want the directory of a spool", dir)
	}
	var found []string
	entries, err := os.ReadDir(dir) // sorted
	for _, e := range entries {
		for _, suffix := range suffixes {
			if _, ok := segment.ParseName(e.Name(), suffix); ok && e.Type().IsRegular() {
				found = append(found, e.Name())
			}
		}
	}
	return found, err
}

// scan reads a segment. It calls record with what is not acknowledged, and damage with what is
// damaged or cannot be read, until record returns an error. If the acknowledgments cannot be read,
// all records count as not acknowledged.
func scan(name string, record func(segment.Frame, []byte) error, damage func(error)) error {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := make([]byte, segment.HeaderSize)
	if _, err := f.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	salt, ok := segment.ParseHeader(header)
	if !ok {
		damage(errors.New("the header is damaged, so that no record can be read"))
		return nil
	}
	acked := segment.Position{Offset: segment.HeaderSize}
	log, err := os.Open(filepath.Clean(strings.TrimSuffix(name, segment.FileSuffix) + segment.AckSuffix))
	if err == nil {
		acked, err = segment.LastAck(log, salt.Sums())
		_ = log.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		damage(err)
	}
	var frames segment.Reader
	frames.Reset(f, salt.Sums(), segment.HeaderSize, info.Size())
	for {
		frame, err := frames.Next()
		var d *segment.DamageError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &d):
			damage(d)
		case err != nil:
			return err
		default:
			if rest := frame.Rest(acked); len(rest) > 0 {
				if err := record(frame, rest); err != nil {
					return err
				}
			}
		}
	}
}

func (s *shower) cat(dir string) error {
	found, err := names(dir, segment.FileSuffix)
	if err != nil {
		return err
	}
	for _, base := range found {
		name := filepath.Join(dir, base)
		var failed error // to write
		err := scan(name,
			func(_ segment.Frame, data []byte) error {
				_, failed = s.out.Write(data)
				if failed == nil && data[len(data)-1] != '\n' {
					failed = s.out.WriteByte('\n')
				}
				return failed
			},
			func(err error) { s.complain(name, err) })
		if failed != nil {
			return failed
		}
		s.complain(name, err)
	}
	return nil
}

// complain reports damage, after the records before it. A file that is gone is none: the process
// has delivered it meanwhile.
func (s *shower) complain(name string, err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.damaged = true
	_ = s.out.Flush()
	_, _ = fmt.Fprintf(s.stderr, "breakerspool: %s: %v\n", name, err)
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

func (s *shower) list(dir string) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "segment\trecords\tbytes\toldest\tdamage")
	total, err := s.rows(table, dir, "")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(table, "total\t%s\n", total.columns())
	aside, err := s.rows(table, filepath.Join(dir, "rejected"), "rejected/")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if aside.bytes > 0 {
		_, _ = fmt.Fprintf(table, "rejected\t%s\n", aside.columns())
	}
	s.damaged = s.damaged || total.damage+aside.damage > 0
	return table.Flush()
}

// rows prints a line for each segment of a directory, and returns the total. A segment that lost
// its header is one damage: its records cannot be recognized.
func (s *shower) rows(table io.Writer, dir, prefix string) (total row, err error) {
	found, err := names(dir, segment.FileSuffix, segment.BadSuffix)
	if err != nil {
		return total, err
	}
	for _, base := range found {
		var r row
		name := filepath.Join(dir, base)
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			r.bytes = info.Size()
		}
		if strings.HasSuffix(base, segment.BadSuffix) {
			r.damage = 1
		} else if err := scan(name, func(f segment.Frame, data []byte) error {
			if r.records == 0 {
				r.oldest = f.Time
			}
			r.records += int64(segment.CountRecords(data))
			return nil
		}, func(err error) { r.damage++ }); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			r.damage++
			s.complain(name, err)
		}
		_, _ = fmt.Fprintf(table, "%s%s\t%s\n", prefix, base, r.columns())
		total.add(r)
	}
	return total, nil
}
