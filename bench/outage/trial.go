// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"
)

// graceToClose is how much longer than asked a run may take so that a breaker can close again: the wait for a probe, and
// some for a machine that is busy.
const graceToClose = recoveryTimeout + 4*time.Second

// trial is one guard's run: a load behind it in front of a sink of its own, and what is done to that sink meanwhile.
type trial struct {
	settings
	contender
	screen   screen
	counters counters
	recorder *recorder
	load     load
	guard    guard
	closed   chan struct{}     // takes a value when the breaker has closed
	process  *sinkProcess      // nil while the sink is dead, and always with somebody's own endpoint
	taken    *acknowledgements // nil unless the endpoint is somebody's own
	addr     string            // of the dead sink: the next one gets it

	sinkFile, fallbackFile string
}

func newTrial(s settings, c contender, dir string, on screen) *trial {
	t := &trial{
		settings:     s,
		contender:    c,
		screen:       on,
		closed:       make(chan struct{}, 1),
		sinkFile:     filepath.Join(dir, c.name+".sink"),
		fallbackFile: filepath.Join(dir, c.name+".fallback.jsonl"),
	}
	if s.sink.kind != embeddedSink {
		t.taken = &acknowledgements{}
	}
	return t
}

// run goes through the whole trial. It ends early, but with a verdict, when ctx does. An error means that there is no
// verdict, or none about a whole outage.
func (t *trial) run(ctx context.Context) (result, error) {
	fallback, err := openRecords(t.fallbackFile)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = fallback.Close() }()
	sink := t.sink
	if sink.kind == embeddedSink {
		if t.process, err = startSink("127.0.0.1:0", t.sinkFile); err != nil {
			return result{}, err
		}
		defer t.stopSink()
		sink = endpoint{kind: lokiSink, where: t.process.url()}
	}
	client, err := sink.open(t.name, t.goroutines, t.clientTimeout(t.timeout))
	if err != nil {
		return result{}, err
	}
	defer func() { _ = client.Close() }()

	debug.FreeOSMemory() // what the last guard left behind is not this one's weight
	t.recorder = newRecorder(t.duration, t.counters.now)
	t.guard = t.build(parts{
		primary:  countedPrimary{client, &t.counters, t.taken},
		fallback: countedFallback{fallback, &t.counters},
		timeout:  t.timeout,
		changed:  t.changed,
		diverted: func(why reason) { t.counters.reasons[why].Add(1) },
	})
	t.load = load{loggers: t.loggers(), rate: t.rate, counters: &t.counters, recorder: t.recorder}
	t.screen.event(0, fmt.Sprintf("%s: %s", t.label, t.about))
	scheduleErr := t.play(ctx)
	if t.guard.close != nil {
		t.guard.close()
	}
	_ = client.Close()
	t.stopSink()

	r, err := t.judge()
	if err == nil && ctx.Err() == nil { // what was cut short is judged as far as it went
		err = scheduleErr
	}
	return r, err
}

// loggers deals the loggers out to the goroutines: one of each kind, shared by every goroutine whose turn it is.
func (t *trial) loggers() []logFunc {
	kinds := t.usedKinds()
	kinds = kinds[:min(len(kinds), t.goroutines)]
	made := make([]logFunc, len(kinds))
	for i, kind := range kinds {
		made[i] = t.guard.logger(kind, (t.goroutines-i+len(kinds)-1)/len(kinds))
	}
	all := make([]logFunc, t.goroutines)
	for i := range all {
		all[i] = made[i%len(made)]
	}
	return all
}

// usedKinds are the loggers that were asked for, or as many of them as the guard works with. A guard that works with none
// of them still runs, with those that it does.
func (t *trial) usedKinds() []string {
	for _, kind := range t.kinds {
		if t.logger == kind {
			return []string{kind}
		}
	}
	return t.kinds
}

// changed is the breaker's hook, in the log call that changed it.
func (t *trial) changed(to, why string) {
	if to == isHalfOpen {
		t.counters.probes.Add(1)
	}
	c := t.recorder.change(to, why)
	line := "breaker " + to
	if why != "" {
		line += " (" + why + ")"
	}
	t.screen.event(c.at, line)
	if to == isClosed {
		select {
		case t.closed <- struct{}{}:
		default:
		}
	}
}

// play runs the load and, beside it, the schedule and the live view. It returns when all of them have ended.
func (t *trial) play(ctx context.Context) error {
	logging, stopLogging := context.WithCancel(context.Background())
	scheduled := make(chan error, 1)
	watched := make(chan struct{})
	go func() {
		err := t.schedule(ctx)
		t.recorder.enter(phases)
		if ctx.Err() != nil {
			t.screen.event(t.recorder.since(), "interrupted: counting what there is")
			t.wake()
		}
		stopLogging()
		scheduled <- err
	}()
	go func() {
		t.watch(logging)
		close(watched)
	}()
	t.load.run(logging)
	<-watched
	return <-scheduled
}

// wake lets a frozen sink go on, so that log calls that wait for it end.
func (t *trial) wake() {
	if t.process != nil {
		_ = t.process.resume()
	}
}

// stopSink is for the sink that the demo started, if it is alive.
func (t *trial) stopSink() {
	if t.process != nil {
		t.process.stop()
		t.process = nil
	}
}

// watch takes the samples for the picture, and shows the live view, until ctx ends.
func (t *trial) watch(ctx context.Context) {
	sampling, showing := time.NewTicker(t.recorder.slice), time.NewTicker(t.screen.every())
	defer sampling.Stop()
	defer showing.Stop()
	t.recorder.sample()
	last, lastAt := counts{}, time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			t.recorder.sample()
			return
		case <-sampling.C:
			t.recorder.sample()
		case <-showing.C:
			now, at := t.counters.now(), t.recorder.since()
			t.screen.show(t.status(at, now, now.minus(last), at-lastAt))
			last, lastAt = now, at
		}
	}
}

// status is the live view: rates of the time since the last one, and what was counted until now.
func (t *trial) status(at time.Duration, now, since counts, during time.Duration) status {
	s := status{
		guard: t.label, at: at, of: t.duration, phase: phaseNames[t.recorder.current()], state: noBreaker, nextProbe: -1,
		primary: perSecond(since.acknowledged, during), fallback: perSecond(since.diverted, during),
		nowhere: perSecond(since.returned-min(since.returned, since.acknowledged+since.diverted), during),
		p99:     t.recorder.takeRecent(), failures: now.failed,
		hasReasons: t.hasReasons, why: since.reasons, whySoFar: now.reasons,
	}
	if t.sink.kind != embeddedSink {
		s.phase = ""
	}
	if t.hasBreaker {
		s.state = t.recorder.state()
	}
	if t.guard.nextProbe != nil && s.state == isOpen {
		s.nextProbe = t.guard.nextProbe()
	}
	return s
}
