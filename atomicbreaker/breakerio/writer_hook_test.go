// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// A panic in a hook does not reach the writer. A panic in a user's function loses no record.
func TestWriter_HooksThatPanic(t *testing.T) {
	caught := 0
	b := breaker(atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) { caught++ }),
		atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { panic("hook") }))
	var primary, fallback bytes.Buffer
	down := sinkFunc(func([]byte) (int, error) { return 0, errDown })
	_, err := io.WriteString(breakerio.NewWriter(b, down, &fallback), "1")
	require.NoError(t, err)
	_, err = io.WriteString(breakerio.NewWriter(b, &primary, &fallback), "probe")
	require.NoError(t, err)
	require.Equal(t, "probe", primary.String())
	require.Equal(t, 3, caught)

	w := breakerio.NewWriter(breaker(), down, &fallback, breakerio.WithRecordErrors(func(error) bool { panic("is") }))
	_, err = io.WriteString(w, "2")
	require.NoError(t, err)
	require.Equal(t, "12", fallback.String())
}

// A hook that ends the goroutine loses neither a record nor the slot of a probe, both during
// admission and when the outcome is reported.
func TestWriter_HooksThatExit(t *testing.T) {
	exitIn := func(state atomicbreaker.State) atomicbreaker.Option {
		return atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.To == state {
				runtime.Goexit()
			}
		})
	}
	var primary, fallback bytes.Buffer
	write := func(w io.Writer, record string) (returned bool) {
		within(t, func() {
			_, _ = io.WriteString(w, record)
			returned = true
		})
		return returned
	}
	down := sinkFunc(func([]byte) (int, error) { return 0, errDown })
	b := breaker(atomicbreaker.WithFailureThreshold(1), exitIn(atomicbreaker.Open))
	require.False(t, write(breakerio.NewWriter(b, down, &fallback), "1"))
	require.Equal(t, "1", fallback.String())

	b = breaker(atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0), exitIn(atomicbreaker.HalfOpen))
	b.Trip()
	w := breakerio.NewWriter(b, &primary, &fallback)
	require.False(t, write(w, "2"), "during admission")
	require.Equal(t, "12", fallback.String())
	require.Equal(t, uint64(1), w.Stats().Fallback)
	require.True(t, write(w, "3"))
	require.Equal(t, "3", primary.String())
	require.Equal(t, atomicbreaker.Closed, b.State())
}

// within fails the test if f does not return within a generous time, which means that it
// deadlocked.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		stacks := make([]byte, 1<<16)
		require.FailNow(t, "the logger deadlocks", "%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// journal is a sink that fails while it is set to down, and keeps the lines that it took.
type journal struct {
	mu    sync.Mutex
	down  bool
	taken []string
}

func (l *journal) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return 0, errDown
	}
	l.taken = append(l.taken, strings.TrimSpace(string(p)))
	return len(p), nil
}

func (l *journal) set(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// having returns how many lines contain all of the parts.
func (l *journal) having(parts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.taken {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			n++
		}
	}
	return n
}

// The asynchronous hook may log through the logger that it observes, whose handler holds a mutex
// while it writes. This works for a whole outage and loses nothing.
func TestHook_AsyncLogsThroughTheGuardedLogger(t *testing.T) {
	for name, logTo := range locking {
		t.Run(name, func(t *testing.T) {
			var say func(string)
			var transitions atomic.Uint32
			b := breaker(atomicbreaker.WithRecoveryTimeout(time.Millisecond), atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) {
				say(fmt.Sprintf("now %v.", tr.To)) // may itself be a probe that fails
				transitions.Add(1)
			}))
			primary, fallback := &journal{down: true}, &journal{}
			w := breakerio.NewWriter(b, primary, fallback)
			say = logTo(w)
			within(t, func() {
				for range 3 {
					say("record")
				}
				primary.set(false)
				for b.State() != atomicbreaker.Closed || transitions.Load() != b.Snapshot().Generation {
					say("more")
					runtime.Gosched()
				}
			})
			require.Equal(t, 3, fallback.having("record"))
			require.GreaterOrEqual(t, transitions.Load(), uint32(3))
			require.EqualValues(t, transitions.Load(), primary.having("now ")+fallback.having("now "))
			require.Equal(t, 1, primary.having("now closed."))
			require.Zero(t, w.Stats().Lost)
		})
	}
}

// Reports about the sink go only where the user sends them. The sink and its fallback get records
// and nothing else.
func TestHook_NothingIsToldThroughTheSink(t *testing.T) {
	elsewhere := &journal{}
	tell := slog.New(slog.NewJSONHandler(elsewhere, nil))
	primary, fallback := &journal{down: true}, &journal{}
	b := breaker(atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
		tell.Info("transition", "to", tr.To)
	}))
	w := breakerio.NewWriter(b, primary, fallback,
		breakerio.WithOnLost(func(p []byte, err error) { tell.Info("lost", "record", string(p), "why", err) }),
		breakerio.WithOnOutage(func(o breakerio.Outage) { tell.Info("outage", "fallback", o.Fallback, "lost", o.Lost) }))
	logger := slog.New(slog.NewJSONHandler(w, nil))
	within(t, func() {
		logger.Info("record")
		logger.Info("record")
		fallback.set(true)
		logger.Info("record that is lost") // and trips
		fallback.set(false)
		primary.set(false)
		logger.Info("record")
	})
	require.Len(t, primary.taken, 1)
	require.Len(t, fallback.taken, 2)
	require.Equal(t, 3, primary.having("record")+fallback.having("record"))
	require.Equal(t, 1, elsewhere.having("lost", "record that is lost", errDown.Error()))
	require.Equal(t, 1, elsewhere.having("outage", `"fallback":2`, `"lost":1`))
	require.Equal(t, 3, elsewhere.having("transition"))
	require.Len(t, elsewhere.taken, 5)
}
