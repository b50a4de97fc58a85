// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// A record that does not fit has the batch written that takes the room, although that is neither full nor old: a
// sink that is idle keeps getting records, however small WithMaxBytes is.
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
