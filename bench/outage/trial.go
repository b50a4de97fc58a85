// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view"
)

// graceToClose is how much longer a run may take for its breaker to close again: the longest wait
// for a probe, and four seconds for a busy machine.
func (s *settings) graceToClose() time.Duration { return s.longestWait() + 4*time.Second }

// trial is one guard's run, with a load, a sink of its own, and the schedule of its outages.
type trial struct {
	settings
	contender
	breakers *breakers.Registry
	screen   view.Screen
	counters measure.Counters
	recorder *measure.Recorder
	load     load
	guard    guard
	closed   chan struct{}             // takes a value when the breaker has closed
	process  *sink.Process             // nil while the sink is dead, or the user's own
	taken    *measure.Acknowledgements // nil unless the endpoint is the user's own
	addr     string                    // of the dead sink: the next one gets it

	sinkFile, fallbackFile string // the latter unless the guard has a spool

	spool    *breakerspool.Spool
	spoolDir string
	refused  atomic.Bool // the sink refused a record of the spool for good
	began    time.Time
}

func newTrial(
	s settings, c contender, registry *breakers.Registry, dir string, on view.Screen,
) *trial {
	t := &trial{
		settings:     s,
		contender:    c,
		breakers:     registry,
		screen:       on,
		closed:       make(chan struct{}, 1),
		sinkFile:     filepath.Join(dir, c.Name+".sink"),
		fallbackFile: filepath.Join(dir, c.Name+".fallback.jsonl"),
		spoolDir:     s.spool,
	}
	if t.spoolDir == "" {
		t.spoolDir = filepath.Join(dir, c.Name+".spool")
	}
	if s.Sink.Kind != sink.Embedded {
		t.taken = &measure.Acknowledgements{}
	}
	return t
}

// run runs the trial. If ctx ends, it ends early, still with a verdict. An error means that there
// is no verdict, or that the run did not show a whole outage.
func (t *trial) run(ctx context.Context) (measure.Result, error) {
	fallback, err := t.openFallback()
	if err != nil {
		return measure.Result{}, err
	}
	defer func() { _ = fallback.Close() }()
	where := t.Sink
	if where.Kind == sink.Embedded {
		if t.process, err = sink.Start("127.0.0.1:0", t.sinkFile); err != nil {
			return measure.Result{}, err
		}
		defer t.stopSink()
		where = sink.Endpoint{Kind: sink.Loki, Where: t.process.URL()}
	}
	client, err := where.Open(t.Name, t.Goroutines, t.clientTimeout(t.Timeout))
	if err != nil {
		return measure.Result{}, err
	}
	defer func() { _ = client.Close() }()

	replayTo, err := where.Open(t.Name+" replay", 1, max(t.Timeout, leastReplayTimeout))
	if err != nil {
		return measure.Result{}, err
	}
	defer func() { _ = replayTo.Close() }()
	if err := t.deliverEarlier(ctx, where, replayTo); err != nil {
		return measure.Result{}, err
	}

	debug.FreeOSMemory() // so that the last guard's garbage does not count
	t.recorder = measure.NewRecorder(t.Duration, t.counters.Now)
	if t.spool != nil {
		t.recorder.Backlog = t.backlog
	}
	t.began = time.Now()
	t.guard = t.build(parts{
		primary:  t.counters.Primary(client, t.taken),
		fallback: t.counters.Fallback(fallback),
		timeout:  t.Timeout,
		breakers: t.breakers,
		options:  t.breakerOptions(),
		changed:  t.changed,
		diverted: func(why measure.Reason) { t.counters.Reasons[why].Add(1) },
		spool:    t.spool,
		replayTo: t.counters.Replay(replayTo, t.taken),
		replay:   t.replayOptions(where),
	})
	t.load = load{loggers: t.loggers(), rate: t.Rate, counters: &t.counters, recorder: t.recorder}
	t.screen.Event(0, fmt.Sprintf("%s: %s", t.Label, t.about))
	scheduleErr := t.play(ctx)
	if t.guard.close != nil {
		t.guard.close()
	}
	_ = client.Close()
	_ = replayTo.Close()
	t.stopSink()

	r, err := t.judge()
	r.Interrupted = ctx.Err() != nil
	if err == nil && !r.Interrupted { // else there is no whole schedule to complain about
		err = scheduleErr
	}
	return r, err
}

// loggers returns a logger for each goroutine. There is one of each kind, and the goroutines take
// them in turn.
func (t *trial) loggers() []logFunc {
	kinds := t.usedKinds()
	kinds = kinds[:min(len(kinds), t.Goroutines)]
	made := make([]logFunc, len(kinds))
	for i, kind := range kinds {
		made[i] = t.guard.logger(kind, (t.Goroutines-i+len(kinds)-1)/len(kinds))
	}
	all := make([]logFunc, t.Goroutines)
	for i := range all {
		all[i] = made[i%len(made)]
	}
	return all
}

// usedKinds returns the chosen logger, or all that the guard works with if it does not work with
// that one.
func (t *trial) usedKinds() []string {
	for _, kind := range t.kinds {
		if t.logger == kind {
			return []string{kind}
		}
	}
	return t.kinds
}

// changed is the breaker's hook. It runs in the call that changed the state.
func (t *trial) changed(to, why string) {
	if to == measure.HalfOpen {
		t.counters.Probes.Add(1)
	}
	c := t.recorder.Change(to, why)
	line := "breaker " + to
	if why != "" {
		line += " (" + why + ")"
	}
	t.screen.Event(c.At, line)
	if to == measure.Closed {
		select {
		case t.closed <- struct{}{}:
		default:
		}
	}
}

// play runs the load, the schedule, Replay and the live view, and returns when all have ended.
// Replay goes on until the spool is empty.
func (t *trial) play(ctx context.Context) error {
	logging, stopLogging := context.WithCancel(context.Background())
	scheduled := make(chan error, 1)
	go func() {
		err := t.schedule(ctx)
		t.recorder.Enter(measure.Phases)
		if ctx.Err() != nil {
			t.screen.Event(t.recorder.Since(), "interrupted: counting what there is")
			t.wake()
		}
		stopLogging()
		scheduled <- err
	}()
	stopWatching := inBackground(t.watch)
	defer stopWatching()
	if t.guard.replay != nil {
		defer inBackground(t.guard.replay)()
	}
	t.load.run(logging)
	err := <-scheduled
	if err == nil && ctx.Err() == nil {
		t.drain(ctx)
	}
	return err
}

// wake resumes a frozen sink, so that log calls that wait for it return.
func (t *trial) wake() {
	if t.process != nil {
		_ = t.process.Resume()
	}
}

// stopSink stops the demo's own sink, if it runs.
func (t *trial) stopSink() {
	if t.process != nil {
		t.process.Stop()
		t.process = nil
	}
}

// watch takes the samples for the picture, and shows the live view, until ctx ends.
func (t *trial) watch(ctx context.Context) error {
	sampling, showing := time.NewTicker(t.recorder.Slice), time.NewTicker(t.screen.Every())
	defer sampling.Stop()
	defer showing.Stop()
	t.recorder.Sample()
	last, lastAt := measure.Counts{}, time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			t.recorder.Sample()
			return nil
		case <-sampling.C:
			t.recorder.Sample()
		case <-showing.C:
			now, at := t.counters.Now(), t.recorder.Since()
			t.screen.Show(t.status(at, now, now.Minus(last), at-lastAt))
			last, lastAt = now, at
		}
	}
}

// status returns the live view: rates since the last one, and totals.
func (t *trial) status(
	at time.Duration, now, since measure.Counts, during time.Duration,
) view.Status {
	rate := func(n uint64) float64 { return measure.PerSecond(n, during) }
	nowhere := since.Returned - min(since.Returned, since.Acknowledged+since.Diverted)
	s := view.Status{
		Guard: t.Label, At: at, Of: t.Duration,
		Phase: measure.PhaseNames[t.recorder.Current()], State: measure.NoBreaker, NextProbe: -1,
		Primary: rate(since.Acknowledged), Fallback: rate(since.Diverted), Nowhere: rate(nowhere),
		P99: t.recorder.TakeRecent(), Failures: now.Failed,
		HasSpool: t.HasSpool, Replayed: now.Replayed,
		HasReasons: t.HasReasons, Why: since.Reasons, WhySoFar: now.Reasons,
	}
	if t.spool != nil {
		s.Backlog = t.backlog()
	}
	if t.Sink.Kind != sink.Embedded {
		s.Phase = ""
	}
	if t.HasBreaker {
		s.State = t.recorder.State()
	}
	if t.guard.nextProbe != nil && s.State == measure.Open {
		s.NextProbe = t.guard.nextProbe()
	}
	return s
}
