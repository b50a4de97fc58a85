// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// A slow success counts as a failure. The primary has the record, so the fallback does not get it.
func TestWriter_SlowSinkTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []atomicbreaker.Transition
		b := atomicbreaker.MustNew(
			"sink", atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithSlowThreshold(time.Second),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { made = append(made, tr) }),
		)
		var takes time.Duration
		var primary, fallback int
		w := breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) {
			time.Sleep(takes)
			primary++
			return len(p), nil
		}), sinkFunc(func(p []byte) (int, error) {
			fallback++
			return len(p), nil
		}))
		for _, takes = range []time.Duration{time.Second, time.Second + 1, time.Second + 1, time.Second + 1} {
			n, err := w.Write([]byte("record\n"))
			assert.Equal(t, 7, n)
			assert.NoError(t, err)
		}
		assert.Equal(t, [2]int{4, 0}, [2]int{primary, fallback})
		if assert.Len(t, made, 1) {
			assert.ErrorIs(t, made[0].Err, atomicbreaker.ErrSlow)
		}
	})
}

// In a dry run the primary gets every record. A panic of the primary counts as a failure, not as a
// rejection.
func TestWriter_DryRun(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithDryRun(), atomicbreaker.WithFailureThreshold(1))
	refused := errors.New("refused")
	primary, fallback := 0, 0
	does := func(p []byte) (int, error) { return len(p), nil }
	w := breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) {
		primary++
		return does(p)
	}), sinkFunc(func(p []byte) (int, error) {
		fallback++
		return len(p), nil
	}))
	write := func() {
		_, err := w.Write([]byte("record\n"))
		assert.NoError(t, err)
	}
	b.ForceOpen()
	write()
	does = func([]byte) (int, error) { return 0, refused }
	write()
	does = func([]byte) (int, error) { panic(refused) }
	write()
	assert.Equal(t, [2]int{3, 2}, [2]int{primary, fallback})
	assert.Equal(t, atomicbreaker.ForcedOpen, b.State())
}
