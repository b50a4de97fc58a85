// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"io"
	"testing"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/internal/conservation"
)

func guarded(parts conservation.Parts, primary io.Writer) conservation.Fixture {
	w := breakerio.NewWriter(parts.Breaker, primary, parts.Fallback, parts.Options()...)
	return conservation.Fixture{
		Offer: func(record string) error {
			_, err := parts.Witness(w).Write([]byte(record))
			return err
		},
		Stats: w.Stats, Sync: w.Sync, Close: w.Close, CountsTorn: true,
	}
}

func TestWriter_Conservation(t *testing.T) {
	conservation.Check(t, func(parts conservation.Parts) conservation.Fixture {
		return guarded(parts, parts.Primary)
	})
}

func TestLane_Conservation(t *testing.T) {
	conservation.Check(t, func(parts conservation.Parts) conservation.Fixture {
		lane := breakerio.NewLane(parts.Primary, conservation.LaneTimeout)
		rig := guarded(parts, lane)
		rig.Late = lane.Late
		return rig
	})
}
