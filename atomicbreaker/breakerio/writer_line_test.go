// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// limited is a sink that keeps what it takes of each write, up to a limit. Each write uses the next
// limit; after the last one it takes everything.
type limited struct {
	bytes.Buffer
	limits []int
	err    error // nil: a short write
}

func (s *limited) Write(p []byte) (int, error) {
	if len(s.limits) == 0 {
		return s.Buffer.Write(p)
	}
	limit := s.limits[0]
	s.limits = s.limits[1:]
	if limit >= len(p) || limit < 0 {
		return limit, s.err
	}
	_, _ = s.Buffer.Write(p[:limit])
	return limit, s.err
}

// After a tear, the next record in the sink starts on a new line, and the torn record is whole in
// the fallback.
func TestWriter_RepairsATornLine(t *testing.T) {
	for name, c := range map[string]struct {
		limits                      []int
		err                         error
		whole                       bool
		writes                      []string
		primary, fallback           string
		torn, fallbackWrites, fails uint64
	}{
		"in the middle": {
			limits: []int{3}, err: errDown, writes: []string{"first\n", "second\n", "third\n"},
			primary: "fir\nsecond\nthird\n", fallback: "first\n", torn: 1, fallbackWrites: 1, fails: 1,
		},
		"short write": {
			limits: []int{3}, writes: []string{"first\n", "second\n"},
			primary: "fir\nsecond\n", fallback: "first\n", torn: 1, fallbackWrites: 1, fails: 1,
		},
		"before the newline": {
			limits: []int{5}, err: errDown, writes: []string{"first\n", "second\n"},
			primary: "first\nsecond\n", fallback: "first\n", torn: 1, fallbackWrites: 1, fails: 1,
		},
		"nothing taken": {
			limits: []int{0}, err: errDown, writes: []string{"first\n", "second\n"},
			primary: "second\n", fallback: "first\n", fallbackWrites: 1, fails: 1,
		},
		"the repair fails": {
			limits: []int{3, 0}, err: errDown, writes: []string{"first\n", "second\n", "third\n"},
			primary: "fir\nthird\n", fallback: "first\nsecond\n", torn: 1, fallbackWrites: 2, fails: 2,
		},
		"only the repair is taken": {
			limits: []int{3, 1}, err: errDown, writes: []string{"first\n", "second\n", "third\n"},
			primary: "fir\nthird\n", fallback: "first\nsecond\n", torn: 1, fallbackWrites: 2, fails: 2,
		},
		"the repaired line is cut": {
			limits: []int{3, 4}, err: errDown, writes: []string{"first\n", "second\n", "third\n"},
			primary: "fir\nsec\nthird\n", fallback: "first\nsecond\n", torn: 2, fallbackWrites: 2, fails: 2,
		},
		"no line": {
			limits: []int{3}, err: errDown, writes: []string{"first", "second\n"},
			primary: "firsecond\n", fallback: "first", torn: 1, fallbackWrites: 1, fails: 1,
		},
		"everything, with an error": {
			limits: []int{6}, err: errDown, writes: []string{"first\n", "second\n"},
			primary: "second\n", fallback: "first\n", fallbackWrites: 1, fails: 1,
		},
		"less than nothing, with an error": {
			limits: []int{-1}, err: errDown, writes: []string{"first\n", "second\n"},
			primary: "second\n", fallback: "first\n", fallbackWrites: 1, fails: 1,
		},
		"a batch, cut in its second line": {
			limits: []int{4}, err: errDown, writes: []string{"1a\n2b\n3c\n", "4d\n"},
			primary: "1a\n2\n4d\n", fallback: "2b\n3c\n", torn: 1, fallbackWrites: 1, fails: 1,
		},
		"a batch, cut between lines": {
			limits: []int{3}, err: errDown, writes: []string{"1a\n2b\n3c\n", "4d\n"},
			primary: "1a\n4d\n", fallback: "2b\n3c\n", torn: 1, fallbackWrites: 1, fails: 1,
		},
		"whole records": {
			limits: []int{4}, err: errDown, whole: true, writes: []string{"1a\n2b\n3c\n", "4d\n"},
			primary: "1a\n2\n4d\n", fallback: "1a\n2b\n3c\n", torn: 1, fallbackWrites: 1, fails: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			primary := &limited{limits: c.limits, err: c.err}
			var fallback bytes.Buffer
			var opts []breakerio.Option
			if c.whole {
				opts = append(opts, breakerio.WithWholeRecords())
			}
			w := breakerio.NewWriter(breaker(), primary, &fallback, opts...)
			for _, p := range c.writes {
				n, err := io.WriteString(w, p)
				require.NoError(t, err)
				require.Equal(t, len(p), n)
			}
			require.Equal(t, c.primary, primary.String())
			require.Equal(t, c.fallback, fallback.String())
			require.Equal(t, breakerio.Stats{Fallback: c.fallbackWrites, Failed: c.fails, Torn: c.torn}, w.Stats())
		})
	}
}

// The fallback is repaired like the primary, and records that it took whole are not lost.
func TestWriter_RepairsATornFallback(t *testing.T) {
	errFull := errors.New("no space left on device")
	fallback := &limited{limits: []int{4, 2}, err: errFull}
	b := breaker()
	b.Trip()
	var lost string
	w := breakerio.NewWriter(b, io.Discard, fallback, breakerio.WithOnLost(func(p []byte, _ error) { lost += string(p) }))
	n, err := io.WriteString(w, "1a\n2b\n3c\n")
	require.ErrorIs(t, err, errFull)
	require.Equal(t, 3, n)
	n, err = io.WriteString(w, "4d\n")
	require.ErrorIs(t, err, errFull)
	require.Zero(t, n)
	_, err = io.WriteString(w, "5e\n")
	require.NoError(t, err)
	require.Equal(t, "1a\n2\n4\n5e\n", fallback.String())
	require.Equal(t, "2b\n3c\n4d\n", lost)
	require.Equal(t, breakerio.Stats{Fallback: 1, Lost: 2, Rejected: 3, FallbackTorn: 2}, w.Stats())
}

// If each side takes a part of a batch, the records after both parts are lost.
func TestWriter_BothTakeAPart(t *testing.T) {
	primary, fallback := &limited{limits: []int{4}, err: errDown}, &limited{limits: []int{4}, err: errDown}
	var lost string
	w := breakerio.NewWriter(breaker(), primary, fallback, breakerio.WithOnLost(func(p []byte, _ error) { lost = string(p) }))
	n, err := io.WriteString(w, "1a\n2b\n3c\n4d\n")
	require.Error(t, err)
	require.Equal(t, 6, n)
	require.Equal(t, "1a\n2", primary.String())
	require.Equal(t, "2b\n3", fallback.String())
	require.Equal(t, "3c\n4d\n", lost)
}

// A sink that panics during a repair gets the newline again.
func TestWriter_PanicInARepair(t *testing.T) {
	var taken bytes.Buffer
	writes := 0
	primary := sinkFunc(func(p []byte) (int, error) {
		switch writes++; writes {
		case 1:
			_, _ = taken.Write(p[:3])
			return 3, errDown
		case 2:
			panic("broken")
		}
		return taken.Write(p)
	})
	var fallback bytes.Buffer
	w := breakerio.NewWriter(breaker(atomicbreaker.WithFailureThreshold(9)), primary, &fallback)
	for _, p := range []string{"first\n", "second\n", "third\n"} {
		_, err := io.WriteString(w, p)
		require.NoError(t, err)
	}
	require.Equal(t, "fir\nthird\n", taken.String())
	require.Equal(t, "first\nsecond\n", fallback.String())
}

// A write that starts during the repair of a line is not glued to that line. Both writes add a
// newline, because either may come first.
func TestWriter_WriteBesideARepair(t *testing.T) {
	for _, side := range []string{"primary", "fallback"} {
		t.Run(side, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var file bytes.Buffer
				repair := make(chan struct{})
				sink := sinkFunc(func(p []byte) (int, error) {
					switch {
					case bytes.HasSuffix(p, []byte("first\n")):
						file.WriteString("fir")
						return 3, errDown
					case bytes.HasSuffix(p, []byte("second\n")):
						<-repair
					}
					return file.Write(p)
				})
				b := breaker()
				w := breakerio.NewWriter(b, sink, io.Discard)
				if side == "fallback" {
					b.Trip()
					w = breakerio.NewWriter(b, io.Discard, sink, breakerio.WithOnLost(func([]byte, error) {}))
				}
				_, _ = io.WriteString(w, "first\n")
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = io.WriteString(w, "second\n")
				}()
				synctest.Wait()
				_, err := io.WriteString(w, "third\n")
				require.NoError(t, err)
				close(repair)
				<-done
				_, err = io.WriteString(w, "fourth\n")
				require.NoError(t, err)
				require.Equal(t, "fir\nthird\n\nsecond\nfourth\n", file.String())
			})
		})
	}
}

// A line that is torn during the repair of an earlier line still gets repaired.
func TestWriter_TornBesideARepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		stored := make(chan struct{})
		w := breakerio.NewWriter(breaker(), sinkFunc(func(p []byte) (int, error) {
			if bytes.HasSuffix(p, []byte("cut\n")) {
				return file.Write(p[:len(p)-3])
			}
			n, err := file.Write(p)
			if bytes.HasSuffix(p, []byte("repair\n")) {
				<-stored
			}
			return n, err
		}), io.Discard)
		write := func(record string) {
			_, err := io.WriteString(w, record)
			require.NoError(t, err)
		}
		write("1 cut\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.WriteString(w, "repair\n")
		}()
		synctest.Wait()
		write("2 cut\n")
		close(stored)
		<-done
		write("last\n")
		require.Equal(t, "1 c\nrepair\n\n2 c\nlast\n", file.String())
	})
}
