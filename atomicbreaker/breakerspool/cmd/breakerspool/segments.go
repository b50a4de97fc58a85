// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// names returns the names of the segments in a directory, oldest first. After an error, they may be
// some of them.
func names(dir string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: want the directory of a spool", dir)
	}
	var found []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if isSegment(e.Name()) && e.Type().IsRegular() {
			found = append(found, e.Name())
		}
	}
	return found, err // os.ReadDir sorts, and the names have the order of their numbers
}

// isSegment reports whether a spool knows a file as a segment, or as one that lost its header.
func isSegment(name string) bool {
	_, isWhole := segment.ParseName(name, segment.FileSuffix)
	_, isBad := segment.ParseName(name, segment.BadSuffix)
	return isWhole || isBad
}

// scan reads a segment. It calls record with what is not acknowledged, until that returns an error,
// and damage with what is damaged. It returns the error of record, and those of files that cannot
// be read. Without acknowledgments, it reads all records.
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
	if info.Size() == 0 {
		return nil // the process is creating it, or was killed then
	}
	header := make([]byte, segment.HeaderSize)
	if _, err := f.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	salt, ok := segment.ParseHeader(header)
	if !ok || strings.HasSuffix(name, segment.BadSuffix) {
		damage(fmt.Errorf("%s: the header is damaged, so that no record can be read", name))
		return nil
	}
	acked, noLog := lastAck(strings.TrimSuffix(name, segment.FileSuffix)+segment.AckSuffix, salt.Sums())
	var frames segment.Reader
	frames.Reset(f, salt.Sums(), segment.HeaderSize, info.Size())
	for {
		frame, err := frames.Next()
		var d *segment.DamageError
		switch {
		case errors.Is(err, io.EOF):
			return noLog
		case errors.As(err, &d):
			damage(fmt.Errorf("%s: %w", name, d))
		case err != nil:
			return errors.Join(noLog, err)
		default:
			if rest := frame.Rest(acked); len(rest) > 0 {
				if err := record(frame, rest); err != nil {
					return err
				}
			}
		}
	}
}

// lastAck reads how far a segment is taken. With an error, nothing of it is.
func lastAck(name string, sums segment.Sums) (segment.Position, error) {
	start := segment.Position{Offset: segment.HeaderSize}
	log, err := os.Open(filepath.Clean(name))
	if errors.Is(err, fs.ErrNotExist) {
		return start, nil
	}
	if err != nil {
		return start, err
	}
	defer func() { _ = log.Close() }()
	acked, err := segment.LastAck(log, sums)
	if err != nil {
		return start, err
	}
	return acked, nil
}
