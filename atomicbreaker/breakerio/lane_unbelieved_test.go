// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// answers is a sink whose nth write calls the nth function. Later writes take everything.
type answers struct {
	file bytes.Buffer
	next []func(file *bytes.Buffer, p []byte) (int, error)
}

func (a *answers) Write(p []byte) (int, error) {
	if len(a.next) == 0 {
		return a.file.Write(p)
	}
	answer := a.next[0]
	a.next = a.next[1:]
	return answer(&a.file, p)
}

// unbelievable returns an error and a count larger than the write. It has taken nothing.
func unbelievable(_ *bytes.Buffer, p []byte) (int, error) { return len(p) + 7, errors.New("confused") }

// tears takes three bytes.
func tears(file *bytes.Buffer, p []byte) (int, error) {
	n, _ := file.Write(p[:3])
	return n, errDown
}

// A late write has torn a line, and the write that should end it returns an impossible count. The
// next write ends the line.
func TestLane_UnbelievableRepairOfALateTear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := func(file *bytes.Buffer, p []byte) (int, error) {
			time.Sleep(2 * time.Second)
			return tears(file, p)
		}
		sink := &answers{next: []func(*bytes.Buffer, []byte) (int, error){late, unbelievable}}
		lane := breakerio.NewLane(sink, time.Second)
		_, err := io.WriteString(lane, "record 1\n")
		require.ErrorIs(t, err, breakerio.ErrHung)
		time.Sleep(2 * time.Second)
		_, err = io.WriteString(lane, "record 2\n")
		require.EqualError(t, err, "confused")
		say(t, lane, "record 3\n")
		require.NoError(t, lane.Close())
		require.Equal(t, "rec\nrecord 3\n", sink.file.String())
	})
}

// The same, but the caller saw the tear and an asynchronous probe should have ended the line.
func TestWriter_UnbelievableRepairByAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fallback bytes.Buffer
		sink := &answers{next: []func(*bytes.Buffer, []byte) (int, error){tears, unbelievable}}
		w := breakerio.NewWriter(breaker(atomicbreaker.WithFailureThreshold(1)), breakerio.NewLane(sink, time.Second), &fallback,
			breakerio.WithAsyncProbes())
		for _, record := range []string{"record 1\n", "record 2\n", "record 3\n"} {
			say(t, w, record)
			time.Sleep(2 * time.Second) // the next one is a probe
		}
		require.NoError(t, w.Close())
		require.Equal(t, "rec\nrecord 3\n", sink.file.String())
		require.Equal(t, "record 1\nrecord 2\nrecord 3\n", fallback.String())
	})
}
