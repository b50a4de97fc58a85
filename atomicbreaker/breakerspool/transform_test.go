// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestReplay_TransformsOnce has Replay wait for records again and again while others write. Each
// record is passed to the function of WithTransform once, also if it comes between Replay's last
// look and its wait.
func TestReplay_TransformsOnce(t *testing.T) {
	const records = 10000
	s := openSpool(t, t.TempDir())
	var calls atomic.Int64
	taken := make(chan struct{}, 1)
	sink := &sink{does: func(p []byte) (int, error) {
		taken <- struct{}{}
		return len(p), nil
	}}
	defer replay(t, s, newBreaker(), sink, breakerspool.WithTransform(func(r breakerspool.Record) []byte {
		calls.Add(1)
		return r.Data
	}))()
	for range records {
		write(t, s, "record\n")
		<-taken
	}
	assert.EqualValues(t, records, calls.Load())
}
