// SPDX-License-Identifier: Apache-2.0

package breakerspool

// ReplayOption configures [Spool.Replay]. If an option is repeated, the last one wins.
type ReplayOption func(*replayConfig)

type replayConfig struct {
	rate          float64
	hasRate       bool
	batch         int
	hasBatch      bool
	isRecordError func(error) bool
	transform     func(Record) []byte
}

// WithRate limits Replay to so many records a second, on average over a second or more. The rate
// must be finite and more than 0. By default there is no limit.
func WithRate(recordsPerSecond float64) ReplayOption {
	return func(c *replayConfig) { c.rate, c.hasRate = recordsPerSecond, true }
}

// WithBatch joins records into one write of at most maxBytes, for sinks that take lines. It must be
// at least 1. A record that is larger, and one that does not end with a newline, is a write of its
// own. By default each write that went into the spool is one write to the sink.
func WithBatch(maxBytes int) ReplayOption {
	return func(c *replayConfig) { c.batch, c.hasBatch = maxBytes, true }
}

// WithRecordErrors separates errors of a record (too large, malformed, too old, HTTP 400) from
// errors of the sink. If is returns true, the breaker counts neither a failure nor a success, and
// the write is halved until the bad records stand alone. They are set aside in the directory
// rejected, below that of the spool, and reported: see [DropRejected].
func WithRecordErrors(is func(error) bool) ReplayOption {
	return func(c *replayConfig) { c.isRecordError = is }
}

// WithTransform changes each record before it is written, for example to add a label that says
// "replayed". If a write into the spool ends with a newline, each of its lines is a record. The
// Data of the Record are valid during the call only; f may change them and return them. If f
// returns nothing, the record is dropped: see [DropFiltered]. If f panics, the record is set aside
// as one that the sink refused.
func WithTransform(f func(Record) []byte) ReplayOption {
	return func(c *replayConfig) { c.transform = f }
}
