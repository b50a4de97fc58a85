// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// syncLater starts the interval of SyncInterval.
func (s *Spool) syncLater() {
	if s.config.sync.mode == syncInterval && s.syncing == nil {
		s.syncing = time.AfterFunc(s.config.sync.interval, s.syncInBackground)
	}
}

// Sync makes all records durable that were written before. It also returns the error of a sync in
// the background since the last call. After an error the records may be lost if the machine loses
// power. The next Sync tries again, except with files that the system failed to write: it drops
// their data from its cache as if they were written. Sync returns an error as long as records in
// such a file are in the spool.
func (s *Spool) Sync() error {
	s.syncTurn <- struct{}{}
	defer func() { <-s.syncTurn }()
	err := s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.syncErr
	}
	s.syncErr = nil
	return err
}

func (s *Spool) syncInBackground() {
	s.syncTurn <- struct{}{}
	defer func() { <-s.syncTurn }()
	s.mu.Lock()
	s.syncing = nil
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	if err := s.sync(); err != nil {
		s.mu.Lock()
		s.syncErr = err
		s.mu.Unlock()
	}
}

// sync syncs the files that have records which are not durable. Writes go on meanwhile. The caller
// has the turn.
func (s *Spool) sync() error {
	// A record that is set aside is synced before its acknowledgment.
	stores := [...]*store{&s.rejected, &s.queue}
	var files [len(stores)][]unsynced
	s.mu.Lock()
	for i, st := range stores {
		files[i] = st.dirty()
	}
	s.mu.Unlock()
	for i, st := range stores {
		for j := range files[i] {
			f := &files[i][j]
			if f.part == nil {
				f.err = s.disk.SyncDir(f.name)
			} else {
				f.err = s.disk.Sync(f.name)
			}
		}
		s.mu.Lock()
		if !st.synced(files[i]) && !s.closed {
			s.syncLater() // what can be tried again
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for i, st := range stores {
		for _, f := range files[i] {
			errs = append(errs, f.err)
		}
		errs = append(errs, st.doubts(files[i])...)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("breakerspool: %w", err)
	}
	return nil
}

// unsynced is a file that is not durable, or the names in a directory.
type unsynced struct {
	name  string
	part  *part // nil: the names
	isLog bool
	err   error // of its sync
}

// dirty returns what is not durable. The caller syncs it, and passes the outcome to synced.
func (st *store) dirty() (files []unsynced) {
	for _, g := range st.segments {
		if g.unsynced {
			files = append(files, unsynced{name: st.name(g.number, segmentSuffix), part: g})
		}
		if g.unsyncedLog {
			files = append(files, unsynced{name: st.name(g.number, ackSuffix), part: g, isLog: true})
		}
		g.unsynced, g.unsyncedLog = false, false
	}
	if st.unnamed {
		files = append(files, unsynced{name: st.dir})
	}
	st.unnamed = false
	return files
}

// synced takes the outcome of the syncs. It reports whether none is worth another attempt.
//
// A file that could not be opened is synced again. If the sync proper failed, the system may have
// dropped the file's data from its cache as if they were written, and a second sync would succeed
// without them. Later records go to a new segment. A log gets its last entry once more.
func (st *store) synced(files []unsynced) (done bool) {
	done = true
	for _, f := range files {
		if f.err == nil {
			continue
		}
		st.seal()
		var path *fs.PathError
		isUnopened := errors.As(f.err, &path) && path.Op == "open"
		switch {
		case f.part == nil:
			st.unnamed, done = true, false
		case f.isLog:
			f.part.unsyncedLog, done = true, false
			if !isUnopened && !st.closed && !f.part.dropped {
				st.acknowledge(f.part, f.part.acked, 0)
			}
		case isUnopened:
			f.part.unsynced, done = true, false
		default:
			f.part.doubt = f.err
		}
	}
	return done
}

// doubts returns the errors of earlier syncs whose records are still in the store.
func (st *store) doubts(files []unsynced) (errs []error) {
	for _, g := range st.segments {
		isNew := slices.ContainsFunc(files, func(f unsynced) bool { return f.part == g && f.err != nil })
		if g.doubt != nil && g.records > 0 && !isNew {
			errs = append(errs, g.doubt)
		}
	}
	return errs
}
