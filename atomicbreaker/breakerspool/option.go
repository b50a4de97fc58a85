// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"time"
)

// Option configures a [Spool]. If an option is repeated, the last one wins.
type Option func(*config)

type config struct {
	maxBytes, minFree, segmentBytes int64
	hasSegmentBytes                 bool
	maxAge                          time.Duration
	sync                            Sync
	onDrop                          func(Drop)
}

const (
	leastMaxBytes     = 64 << 10
	leastSegmentBytes = 4 << 10
	mostSegmentBytes  = 1 << 30
)

// newConfig applies the options. Its error matches every bad option.
func newConfig(opts []Option) (config, error) {
	c := config{maxBytes: 1 << 30, minFree: 256 << 20}
	for _, opt := range opts {
		opt(&c)
	}
	var bad []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf("breakerspool: "+format, args...))
		}
	}
	check(c.maxBytes >= leastMaxBytes, "WithMaxBytes(%d): want at least %d", c.maxBytes, leastMaxBytes)
	check(c.minFree >= 0, "WithMinFree(%d): want 0 or more", c.minFree)
	check(c.maxAge >= 0, "WithMaxAge(%v): want 0 or more", c.maxAge)
	check(c.sync.mode != syncInterval || c.sync.interval > 0,
		"WithSync: SyncInterval(%v): want more than 0", c.sync.interval)
	if !c.hasSegmentBytes {
		c.segmentBytes = max(min(8<<20, c.maxBytes/8), leastSegmentBytes)
	}
	most := max(min(mostSegmentBytes, c.maxBytes/2), leastSegmentBytes)
	check(leastSegmentBytes <= c.segmentBytes && c.segmentBytes <= most,
		"WithSegmentBytes(%d): want %d..%d, which is half of WithMaxBytes or 1 GiB", c.segmentBytes, leastSegmentBytes, most)
	return c, errors.Join(bad...)
}

// WithMaxBytes limits the bytes of the spool's files, including records that are set aside. The
// minimum is 64 KiB, the default 1 GiB. A record that would exceed the limit makes the spool delete
// files that it could not read, then the oldest rejected records, then its oldest segment: see
// [DropMaxBytes].
func WithMaxBytes(n int64) Option { return func(c *config) { c.maxBytes = n } }

// WithMaxAge limits the age of records, by the wall clock. Older ones are dropped, a whole segment
// when its last record is too old, and by [Spool.Replay] record by record. A segment that cannot be
// read is kept. The default 0 means no limit.
func WithMaxAge(d time.Duration) Option { return func(c *config) { c.maxAge = d } }

// WithMinFree sets how many bytes to leave free on the disk. The default is 256 MiB, and 0 turns
// the check off. Write checks before each segment, after each MiB, and once a second. While less is
// free, Write returns an error that matches [ErrDiskFull]; nothing is dropped.
//
// On systems where the Go standard library cannot tell how much is free (OpenBSD, NetBSD, Solaris,
// illumos and AIX), the option has no effect.
func WithMinFree(n int64) Option { return func(c *config) { c.minFree = n } }

// WithSegmentBytes sets the size at which a new segment begins. It must be between 4 KiB and half
// of [WithMaxBytes], and at most 1 GiB. The default is 8 MiB, or an eighth of WithMaxBytes if that
// is less. A limit drops a whole segment, so a large segment loses more at once. A record that does
// not fit gets a segment of its own.
func WithSegmentBytes(n int64) Option {
	return func(c *config) { c.segmentBytes, c.hasSegmentBytes = n, true }
}

// WithSync sets when records are made durable. The default is [SyncNever].
func WithSync(s Sync) Option { return func(c *config) { c.sync = s } }

// WithOnDrop sets a function that is called when the spool gives up records: see [Drop]. It is
// called outside the spool's lock, by the goroutine that noticed: it must return soon and must not
// write to the spool. A panic in it is reported on os.Stderr. Without WithOnDrop, drops are only
// counted, in [Stats].
func WithOnDrop(f func(Drop)) Option { return func(c *config) { c.onDrop = f } }

// Sync says when records are made durable: [SyncNever], [SyncAlways] or [SyncInterval].
type Sync struct {
	mode     syncMode
	interval time.Duration
}

type syncMode uint8

const (
	syncNever syncMode = iota
	syncAlways
	syncInterval
)

var (
	// SyncNever leaves it to the operating system. Records survive the death of the process, but
	// some may be lost if the machine loses power. It is the zero Sync.
	SyncNever = Sync{mode: syncNever}

	// SyncAlways makes Write wait until the record is on the disk. Records survive a loss of power.
	// What Replay took from a segment may be replayed again then, unless [Spool.Sync] was called or
	// the whole segment was taken.
	SyncAlways = Sync{mode: syncAlways}
)

// SyncInterval starts a sync at most d after a record is written. d must be more than 0.
func SyncInterval(d time.Duration) Sync { return Sync{mode: syncInterval, interval: d} }
