// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// chain is the recipe logger → Batcher → Writer → Sink, and what it has logged.
type chain struct {
	t       *testing.T
	breaker *atomicbreaker.Breaker
	writer  *breakerio.Writer
	batcher *breakerio.Batcher
	logger  *slog.Logger
	logged  int

	mu    sync.Mutex
	file  bytes.Buffer // the fallback
	whys  []breakerio.Diversion
	sides map[atomicbreaker.State]int // transitions, by the new state
}

func newChain(t *testing.T, url string) *chain {
	t.Helper()
	c := &chain{t: t, sides: map[atomicbreaker.State]int{}}
	c.breaker = atomicbreaker.MustNew("loki", atomicbreaker.WithFailureThreshold(1),
		atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithRetryAfter(breakerhttp.RetryAfter),
		atomicbreaker.WithOnTransition(func(t atomicbreaker.Transition) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.sides[t.To]++
		}))
	sink := breakerhttp.NewSink(&http.Client{Timeout: 300 * time.Millisecond}, url,
		breakerhttp.Loki(map[string]string{"service_name": "shop"}, breakerhttp.WithLineTime(breakerhttp.JSONTime("time"))),
		breakerhttp.WithMaxRetryAfter(time.Millisecond))
	c.writer = breakerio.NewWriter(c.breaker, sink, lockedBuffer{c},
		breakerio.WithRecordErrors(breakerhttp.IsRecordError), breakerio.WithOnDiverted(func(d breakerio.Diversion) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.whys = append(c.whys, d)
		}), breakerio.WithOnLost(func(p []byte, err error) { t.Errorf("lost %q: %v", p, err) }))
	c.batcher = breakerio.NewBatcher(c.writer, breakerio.WithFlushInterval(time.Millisecond), breakerio.WithMaxBytes(64<<20))
	c.logger = slog.New(slog.NewJSONHandler(c.batcher, nil))
	return c
}

// lockedBuffer is the fallback of a chain.
type lockedBuffer struct{ *chain }

func (l lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(p)
}

// log logs n records of several goroutines, and waits until each of them is somewhere.
func (c *chain) log(n int, text string) {
	c.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		id := c.logged + i
		all.Go(func() { c.logger.Info(text, "id", id) })
	}
	all.Wait()
	c.logged += n
	for c.batcher.Sync() != nil { // a Sync waits for 5 s at most
		require.NoError(c.t, c.t.Context().Err())
	}
}

// until logs batches until one of them is diverted for the wanted reason.
func (c *chain) until(n int, text string, is func(breakerio.Diversion) bool) {
	c.t.Helper()
	c.mu.Lock()
	from := len(c.whys)
	c.mu.Unlock()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		c.log(n, text)
		c.mu.Lock()
		whys := c.whys[from:]
		c.mu.Unlock()
		if slices.ContainsFunc(whys, is) {
			return
		}
	}
	require.Fail(c.t, "no record was diverted for this reason", "%v", c.whys)
}

// recover logs until the server takes records again.
func (c *chain) recover() {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		c.log(1, "back")
		if c.breaker.State() == atomicbreaker.Closed {
			return
		}
	}
	require.Fail(c.t, "the breaker stays open")
}

// status returns a predicate for a diversion because of a status.
func status(want int, reason breakerio.Reason) func(breakerio.Diversion) bool {
	return func(d breakerio.Diversion) bool {
		var e *breakerhttp.StatusError
		return d.Reason == reason && errors.As(d.Err, &e) && e.Status == want
	}
}

func noAnswer(d breakerio.Diversion) bool {
	var e *breakerhttp.StatusError
	return d.Reason == breakerio.Failed && !errors.As(d.Err, &e)
}

// The whole chain against a server process: whatever the server does, each record is at the server or
// in the fallback, and the breaker closes again when the server recovers.
func TestChain_Conserves(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	server := startProcess(t)
	c := newChain(t, server.url())

	c.log(100, "healthy")
	for _, phase := range []struct {
		fault fault
		n     int
		text  string
		is    func(breakerio.Diversion) bool
	}{
		{unavailable, 20, "a record", status(503, breakerio.Failed)},
		{limited, 20, "a record", status(429, breakerio.Failed)},
		{tooLarge, 50, "a record", status(413, breakerio.RecordError)},
		{bad, 2, badLine, status(400, breakerio.RecordError)},
		{hangsEarly, 2, "a record", noAnswer},
	} {
		server.set(phase.fault)
		c.until(phase.n, phase.text, phase.is)
		server.set(healthy)
		c.recover()
	}

	server.set(hangsInBody) // the server has acknowledged these
	c.log(1, "a record")
	server.set(healthy)
	c.recover()

	for range 2 {
		server.kill()
		c.until(20, "a record", noAnswer)
		server.start()
		c.recover()
	}
	require.NoError(t, c.batcher.Close())
	c.judge(server.lines())
}

// judge requires that each record is at the server or in the fallback, whole. A record can be in
// both if the server stored it and its answer did not arrive in time.
func (c *chain) judge(stored []string) {
	c.t.Helper()
	found := map[int]int{}
	for side, lines := range map[string][]string{
		"server": stored, "fallback": strings.Split(strings.TrimSuffix(c.file.String(), "\n"), "\n"),
	} {
		seen := map[int]bool{}
		for _, line := range lines {
			var record struct{ ID *int }
			if !assert.NoError(c.t, json.Unmarshal([]byte(line), &record), "%s: %q", side, line) || !assert.NotNil(c.t, record.ID, line) {
				continue
			}
			assert.False(c.t, seen[*record.ID], "%s: record %d twice", side, *record.ID)
			seen[*record.ID] = true
			found[*record.ID]++
		}
	}
	require.Len(c.t, found, c.logged)
	stats := c.writer.Stats()
	require.Zero(c.t, stats.Lost)
	c.t.Logf("%d records, %d batches, %+v, %v", c.logged, c.batcher.Stats().Batches, stats, c.sides)
}
