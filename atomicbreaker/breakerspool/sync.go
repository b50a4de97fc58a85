// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// syncLater starts the interval of SyncInterval.
func (s *Spool) syncLater() {
	if s.config.sync.mode == syncInterval && s.syncing == nil {
		s.syncing = time.AfterFunc(s.config.sync.interval, s.syncInBackground)
	}
}

// Sync makes all records durable that were written before.
func (s *Spool) Sync() error {
	s.syncTurn <- struct{}{}
	defer func() { <-s.syncTurn }()
	err := s.sync()
	s.mu.Lock()
	err = errors.Join(s.syncErr, err)
	s.syncErr = nil
	s.mu.Unlock()
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
	s.mu.Lock()
	files, names := s.queue.dirty()
	aside, asideNames := s.rejected.dirty()
	s.mu.Unlock()
	var errs []error
	for _, name := range slices.Concat(files, aside) {
		errs = append(errs, s.disk.Sync(name))
	}
	if names {
		errs = append(errs, s.disk.SyncDir(s.queue.dir))
	}
	if asideNames {
		errs = append(errs, s.disk.SyncDir(s.rejected.dir))
	}
	if err := errors.Join(errs...); err != nil {
		// What the failed sync covered may be lost if the machine loses power. Later records go to a
		// new segment, because the state of this one's pages is unknown.
		s.mu.Lock()
		s.queue.seal()
		s.queue.unnamed = s.queue.unnamed || names
		s.rejected.seal()
		s.rejected.unnamed = s.rejected.unnamed || asideNames
		s.mu.Unlock()
		return fmt.Errorf("breakerspool: %w", err)
	}
	return nil
}
