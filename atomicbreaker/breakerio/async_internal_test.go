// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// later is a prober that keeps each probe until the test supplies its result.
type later struct {
	refuses bool
	probes  []string
	done    func(int, error)
}

func (l *later) probe(p []byte, done func(int, error)) bool {
	if l.refuses {
		return false
	}
	l.probes, l.done = append(l.probes, string(p)), done
	return true
}

func TestWriter_AsyncProbes(t *testing.T) {
	for name, c := range map[string]struct {
		n     int
		err   error
		state atomicbreaker.State
		late  uint64
	}{
		"succeeds":     {7, nil, atomicbreaker.Closed, 1},
		"fails":        {0, errors.New("down"), atomicbreaker.Open, 0},
		"writes short": {3, nil, atomicbreaker.Open, 0},
		"is busy":      {0, ErrBusy, atomicbreaker.HalfOpen, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0))
			var primary, fallback bytes.Buffer
			prober := &later{refuses: true}
			w := NewWriter(b, &primary, &fallback)
			w.prober = prober
			w.guard.Disquiet()
			b.Trip()
			write := func() {
				_, err := io.WriteString(w, "record\n")
				require.NoError(t, err)
			}
			write()
			require.Zero(t, b.Snapshot().HalfOpenCalls, "a probe that cannot start is canceled")
			prober.refuses = false
			write()
			require.Equal(t, []string{"record\n"}, prober.probes)
			require.Equal(t, 1, b.Snapshot().HalfOpenCalls)
			require.Equal(t, "record\nrecord\n", fallback.String(), "no caller waits for the probe")
			prober.done(c.n, c.err)
			require.Equal(t, c.state, b.State())
			require.Equal(t, c.late, w.Stats().Late)
			require.Zero(t, primary.Len())
		})
	}
	require.Panics(t, func() { NewWriter(atomicbreaker.MustNew("sink"), io.Discard, nil, WithAsyncProbes()) })
}

// The write that opens the breaker may tear a line. The first probe that the sink takes repairs it.
func TestWriter_AsyncProbeRepairsATornLine(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0))
	var primary, fallback bytes.Buffer
	cut := true
	prober := &later{}
	w := NewWriter(b, writerFunc(func(p []byte) (int, error) {
		if cut {
			cut = false
			n, _ := primary.Write(p[:3])
			return n, io.ErrShortWrite
		}
		return primary.Write(p)
	}), &fallback)
	w.prober = prober
	w.guard.Disquiet()
	write := func() {
		_, err := io.WriteString(w, "record\n")
		require.NoError(t, err)
	}
	write()
	prober.refuses = true
	write()
	prober.refuses = false
	write()
	prober.done(0, errors.New("down"))
	write()
	prober.done(8, nil)
	write()
	require.Equal(t, []string{"\nrecord\n", "\nrecord\n"}, prober.probes)
	require.Equal(t, "recrecord\n", primary.String(), "the probe brought the newline")
	require.Equal(t, uint64(1), w.Stats().Late)
	require.Equal(t, uint64(4), w.Stats().Fallback)
}

// A probe that the sink took in part counts as torn, except if it took only the newline in front.
func TestWriter_AsyncProbeThatIsTorn(t *testing.T) {
	for n, torn := range map[int]uint64{0: 0, 1: 0, 2: 1, 7: 1, 8: 0, 9: 0} {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0))
		prober := &later{}
		w := NewWriter(b, writerFunc(func([]byte) (int, error) { return 3, io.ErrShortWrite }), io.Discard)
		w.prober = prober
		w.guard.Disquiet()
		for range 2 { // the first write is torn, the second is the probe
			_, err := io.WriteString(w, "record\n")
			require.NoError(t, err)
		}
		prober.done(n, errors.New("down"))
		require.Equal(t, []string{"\nrecord\n"}, prober.probes)
		require.Equal(t, 1+torn, w.Stats().Torn, "of 8 bytes the sink took %d", n)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Records that a queue above the writer has no room for go to the fallback and bypass the breaker.
func TestWriter_Busy(t *testing.T) {
	b := atomicbreaker.MustNew("sink")
	var fallback bytes.Buffer
	w := NewWriter(b, io.Discard, &fallback)
	n, err := w.busy([]byte("record\n"))
	require.NoError(t, err)
	require.Equal(t, 7, n)
	w.countLate()
	require.Equal(t, Stats{Fallback: 1, Busy: 1, Late: 1}, w.Stats())
	require.NoError(t, w.Close())
	_, err = w.busy([]byte("record\n"))
	require.Error(t, err)
	require.Equal(t, 7, fallback.Len())
}

// single is a writer that must not be called concurrently.
type single struct{ inside, calls int }

func (s *single) Write(p []byte) (int, error) {
	if s.inside++; s.inside > 1 {
		panic("two calls at once")
	}
	time.Sleep(time.Second)
	s.inside--
	s.calls++
	return len(p), nil
}

func TestWriter_SerializesItsFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fallback := &single{}
		w := NewWriter(atomicbreaker.MustNew("sink"), io.Discard, fallback, WithRepanic())
		w.serialize()
		for range 4 {
			go func() { _, _ = w.busy([]byte("record\n")) }()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 4, fallback.calls)
	})
}
