// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// A sibling reaches the two sinks in its own way and shares everything else.
func TestWriter_Sibling(t *testing.T) {
	b := atomicbreaker.MustNew("loki", atomicbreaker.WithFailureThreshold(1))
	var plain, leveled, fallback bytes.Buffer
	down := sinkFunc(func([]byte) (int, error) { return 0, errors.New("down") })
	var lost []string
	w := breakerio.NewWriter(b, &plain, &fallback, breakerio.WithAdapter("logger"),
		breakerio.WithOnLost(func(p []byte, err error) { lost = append(lost, string(p)+err.Error()) }))
	sibling := w.Sibling(&leveled, nil)

	_, err := w.Write([]byte("one\n"))
	require.NoError(t, err)
	_, err = sibling.Write([]byte("two\n"))
	require.NoError(t, err)
	require.Equal(t, "one\n", plain.String())
	require.Equal(t, "two\n", leveled.String())

	_, err = w.Sibling(down, nil).Write([]byte("three\n"))
	require.EqualError(t, err, `logger: "loki": primary: down; no fallback`)
	require.Equal(t, []string{"three\n" + err.Error()}, lost)
	_, err = w.Write([]byte("four\n"))
	require.NoError(t, err)
	require.Equal(t, "four\n", fallback.String(), "the breaker is shared")
	require.Equal(t, breakerio.Stats{Fallback: 1, Lost: 1, Failed: 1, Rejected: 1}, sibling.Stats())

	require.NoError(t, w.Close())
	_, err = sibling.Write([]byte("five\n"))
	require.ErrorIs(t, err, fs.ErrClosed)
}

func TestWriter_SiblingPanics(t *testing.T) {
	b := atomicbreaker.MustNew("loki")
	var sink bytes.Buffer
	w := breakerio.NewWriter(b, &sink, nil)
	require.PanicsWithValue(t, "breakerio: Sibling needs a primary", func() { w.Sibling(nil, &sink) })

	lane := breakerio.NewLane(&sink, 1)
	defer func() { require.NoError(t, lane.Close()) }()
	w = breakerio.NewWriter(b, lane, nil, breakerio.WithAsyncProbes())
	require.Panics(t, func() { w.Sibling(&sink, nil) })
}
