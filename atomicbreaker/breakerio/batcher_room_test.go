// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// A record that does not fit triggers a write of the batch that takes up the room, even if that
// batch is neither full nor old. An idle sink therefore keeps getting records, however small
// WithMaxBytes is.
func TestBatcher_OverflowMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, fallback := &pages{}, &pages{}
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, fallback), breakerio.WithMaxBytes(100))
		record := strings.Repeat("x", 29) + "\n"
		for range 8 {
			say(t, b, record)
			synctest.Wait()
		}
		require.Equal(t, []string{record + record + record, record + record + record}, sink.all())
		require.Equal(t, []string{record, record}, fallback.all())
		require.NoError(t, b.Close())
	})
}
