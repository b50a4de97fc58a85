// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// stderr replaces os.Stderr by a file for the duration of a test, and returns a function that reads
// the file.
func stderr(t *testing.T) func() string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	before := os.Stderr
	os.Stderr = file
	t.Cleanup(func() {
		os.Stderr = before
		_ = file.Close()
	})
	return func() string {
		written, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		return string(written)
	}
}

func failing(text string) sinkFunc {
	return func([]byte) (int, error) { return 0, errors.New(text) }
}

// An error names the side, and for a rejected write the state of the breaker.
func TestWriter_ErrorsNameTheSide(t *testing.T) {
	said := func(b *atomicbreaker.Breaker, fallback io.Writer) (string, error) {
		w := breakerio.NewWriter(b, failing("503 Service Unavailable"), fallback, breakerio.WithOnLost(func([]byte, error) {}))
		_, err := io.WriteString(w, "record\n")
		return err.Error(), err
	}
	loki := func() *atomicbreaker.Breaker {
		return atomicbreaker.MustNew("loki", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0))
	}
	full := failing("no space left on device")
	text, err := said(loki(), full)
	require.Equal(t, `breakerio: "loki": primary: 503 Service Unavailable; fallback: no space left on device`, text)
	require.NotErrorIs(t, err, atomicbreaker.ErrRejected)

	text, err = said(loki(), nil)
	require.Equal(t, `breakerio: "loki": primary: 503 Service Unavailable; no fallback`, text)
	require.ErrorIs(t, err, breakerio.ErrNoFallback)

	b := atomicbreaker.MustNew("loki")
	b.Trip()
	text, err = said(b, full)
	require.Equal(t, `breakerio: "loki": primary: rejected, breaker is open; fallback: no space left on device`, text)
	require.ErrorIs(t, err, atomicbreaker.ErrOpen)

	b.ForceOpen()
	text, err = said(b, nil)
	require.Equal(t, `breakerio: "loki": primary: rejected, breaker is forced_open; no fallback`, text)
	require.ErrorIs(t, err, atomicbreaker.ErrRejected)
	require.ErrorIs(t, err, breakerio.ErrNoFallback)

	b = loki()
	b.Trip()
	_, _ = b.TryAcquire()
	text, err = said(b, full)
	require.Equal(t, `breakerio: "loki": primary: rejected, breaker is half_open; fallback: no space left on device`, text)
	require.ErrorIs(t, err, atomicbreaker.ErrTooManyProbes)
}

// Without any option, losses are reported: one line at once, and one line for all of the next 10
// seconds.
func TestWriter_ReportsLossesOnStderr(t *testing.T) {
	all := stderr(t)
	written := func() string { // ignores reports of writers from earlier tests
		var lines []string
		for line := range strings.Lines(all()) {
			if strings.Contains(line, `"counted"`) {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("counted", atomicbreaker.WithFailureThreshold(2))
		w := breakerio.NewWriter(b, failing("503\nService Unavailable"), failing("no space left on device"))
		for range 1000 {
			_, err := io.WriteString(w, "record\n")
			require.Error(t, err)
		}
		first := `breakerio: "counted": lost 1 write: primary: 503; Service Unavailable; fallback: no space left on device` + "\n"
		require.Equal(t, first, written())
		time.Sleep(10*time.Second - 1)
		synctest.Wait()
		require.Equal(t, first, written())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		second := `breakerio: "counted": lost 999 writes: primary: rejected, breaker is open; fallback: no space left on device` + "\n"
		require.Equal(t, first+second, written())
		time.Sleep(time.Hour)
		require.Equal(t, first+second, written())
		_, _ = io.WriteString(w, "record\n")
		_, _ = io.WriteString(w, "record\n")
		require.Equal(t, 3, strings.Count(written(), "\n"))
		require.NoError(t, w.Close())
		require.Equal(t, 4, strings.Count(written(), "\n"), "Close reports what waits for the end of the interval")
	})
}

// A standard error that no one reads blocks neither Write nor Close.
func TestWriter_ReportsOnAStderrThatHangs(t *testing.T) {
	r, full, err := os.Pipe()
	require.NoError(t, err)
	before := os.Stderr
	os.Stderr = full
	defer func() { os.Stderr = before }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = full.Write(make([]byte, 16<<20)) // more than a pipe holds
	}()
	_, err = r.Read(make([]byte, 1))
	require.NoError(t, err)

	w := breakerio.NewWriter(breaker(), failing("down"), failing("down"))
	for range 2 {
		_, err = io.WriteString(w, "record\n")
		require.Error(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, r.Close())
	<-ended
	require.NoError(t, full.Close())
}

// Nothing is reported on os.Stderr if it is one of the sinks, or if WithOnLost gets the losses.
func TestWriter_ReportsNothingThroughASink(t *testing.T) {
	written := stderr(t)
	b := atomicbreaker.MustNew("silent")
	b.Trip()
	full := failing("full")
	for _, w := range []*breakerio.Writer{
		breakerio.NewWriter(b, os.Stderr, full),
		breakerio.NewWriter(b, breakerio.NewLane(os.Stderr, time.Second), full),
		breakerio.NewWriter(b, io.Discard, full, breakerio.WithOnLost(func([]byte, error) {})),
	} {
		_, err := io.WriteString(w, "record\n")
		require.Error(t, err)
	}
	w := breakerio.NewWriter(b, io.Discard, os.Stderr, breakerio.WithOnDiverted(func(breakerio.Diversion) { panic("broken") }))
	_, err := io.WriteString(w, "record\n")
	require.NoError(t, err)
	require.Contains(t, written(), "record\n", "os.Stderr is the fallback")
	require.NoError(t, os.Stderr.Close())
	_, err = io.WriteString(breakerio.NewWriter(b, io.Discard, os.Stderr), "record\n")
	require.ErrorIs(t, err, os.ErrClosed)
	require.NotContains(t, written(), `"silent"`) // writers of earlier tests may still report
}

// A bufio.Writer stops writing for good after an error. With this option it does not get one.
func TestWriter_LossAsSuccess(t *testing.T) {
	both := &limited{limits: []int{0, 0}, err: errDown}
	lost := 0
	w := bufio.NewWriter(breakerio.NewWriter(breaker(), both, both, breakerio.WithLossAsSuccess(),
		breakerio.WithOnLost(func([]byte, error) { lost++ })))
	for _, record := range []string{"lost\n", "record\n"} {
		_, err := w.WriteString(record)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
	}
	require.Equal(t, "record\n", both.String())
	require.Equal(t, 1, lost)
}

// A panic in a user's function is recovered and reported, and loses no record.
func TestWriter_ContainsUsersFunctions(t *testing.T) {
	for name, c := range map[string]struct {
		option breakerio.Option
		says   string
	}{
		"record errors": {breakerio.WithRecordErrors(func(error) bool { panic("broken") }), "the classification of an error panicked: broken"},
		"diverted":      {breakerio.WithOnDiverted(func(breakerio.Diversion) { panic("broken") }), "OnDiverted panicked: broken"},
		"lost":          {breakerio.WithOnLost(func([]byte, error) { panic("broken") }), "OnLost panicked: broken"},
		"outage":        {breakerio.WithOnOutage(func(breakerio.Outage) { panic("broken") }), "OnOutage panicked: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			written := stderr(t)
			b := breaker(atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0))
			primary := &limited{limits: []int{0}, err: errDown}
			var fallback io.Writer = &bytes.Buffer{}
			if name == "lost" {
				fallback = failing("full")
			}
			w := breakerio.NewWriter(b, primary, fallback, c.option)
			require.NotPanics(t, func() {
				for range 3 {
					_, _ = io.WriteString(w, "record\n")
				}
			})
			require.Contains(t, written(), `breakerio: "sink": contained 1 panic: `+c.says+"\n")
			require.Equal(t, "record\nrecord\n", primary.String())
			require.Equal(t, uint64(1), w.Stats().Fallback+w.Stats().Lost)
			require.Equal(t, uint64(1), w.Stats().Outages)

			repanics := breakerio.NewWriter(breaker(atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0)),
				&limited{limits: []int{0}, err: errDown}, fallback, c.option, breakerio.WithRepanic())
			require.PanicsWithValue(t, "broken", func() {
				for range 3 {
					_, _ = io.WriteString(repanics, "record\n")
				}
			})
			require.Equal(t, uint64(1), repanics.Stats().Fallback+repanics.Stats().Lost)
		})
	}
}

// One diversion for each reason.
func TestWriter_Reasons(t *testing.T) {
	results := []error{errTooLarge, breakerio.ErrBusy, errDown, nil}
	var diversions []string
	w := breakerio.NewWriter(breaker(atomicbreaker.WithFailureThreshold(2)), sinkFunc(func([]byte) (int, error) {
		err := results[0]
		if results = results[1:]; err == nil {
			panic("broken")
		}
		return 0, err
	}), io.Discard, breakerio.WithRecordErrors(func(err error) bool { return errors.Is(err, errTooLarge) }),
		breakerio.WithOnDiverted(func(d breakerio.Diversion) {
			diversions = append(diversions, d.Name+" "+d.Reason.String()+": "+d.Err.Error())
		}))
	offer(t, w, 5)
	require.Equal(t, []string{
		"sink record error: record too large", "sink busy: sink busy", "sink failed: down",
		"sink panicked: panicked: broken", "sink rejected: rejected, breaker is open",
	}, diversions)
	require.Equal(t, breakerio.Stats{Fallback: 5, Rejected: 1, Failed: 1, Panicked: 1, Busy: 1, RecordErrors: 1}, w.Stats())
	require.Equal(t, "Reason(9)", breakerio.Reason(9).String())
}
