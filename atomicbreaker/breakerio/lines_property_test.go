// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// deed is what a file does with a write.
type deed struct {
	kind string
	at   int // where it cuts, modulo the length of the write
}

// lineFile is a sink of lines that follows a script, and takes everything once that is over.
type lineFile struct {
	bytes.Buffer
	script []deed
	whole  bool           // a write is one record
	extra  map[string]int // lines that are readable here, and that the writer must give to the other side as well
	cuts   int
	closed bool
}

// badLine makes every sink panic.
const badLine = "bad"

func (f *lineFile) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(badLine)) {
		panic(badLine)
	}
	do := deed{kind: "takes"}
	if len(f.script) > 0 {
		do, f.script = f.script[0], f.script[1:]
	}
	switch do.kind {
	case "fails":
		return 0, errDown
	case "too large":
		return 0, errTooLarge
	case "busy":
		return 0, breakerio.ErrBusy
	case "panics":
		panic("broken")
	case "lies":
		f.Buffer.Write(p)
		f.readable(p, true)
		return len(p), errDown
	case "cuts", "writes short":
		n := do.at % len(p)
		f.Buffer.Write(p[:n])
		if n > 0 {
			f.cuts++
			f.readable(p[:n], f.whole)
			if p[n-1] != '\n' && p[n] == '\n' && !f.whole {
				f.extra[lastLine(p[:n])]++
			}
		}
		if do.kind == "cuts" {
			return n, errDown
		}
		return n, nil
	}
	return f.Buffer.Write(p)
}

// readable counts the lines of p as readable here and elsewhere, if all of them are.
func (f *lineFile) readable(p []byte, all bool) {
	if !all {
		return
	}
	for line := range strings.Lines(strings.TrimPrefix(string(p), "\n")) {
		f.extra[strings.TrimSuffix(line, "\n")]++
	}
}

func lastLine(p []byte) string { return string(p[bytes.LastIndexByte(p, '\n')+1:]) }

func (f *lineFile) Close() error { f.closed = true; return nil }

func scripts(t *rapid.T, label string) []deed {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
		return deed{
			rapid.SampledFrom([]string{"takes", "takes", "fails", "cuts", "cuts", "writes short", "too large", "busy", "panics", "lies"}).Draw(t, "kind"),
			rapid.IntRange(0, 40).Draw(t, "at"),
		}
	}), 0, 30).Draw(t, label)
}

// Every line that is offered is readable in exactly one of primary, fallback, lost; and where it is twice, a cut or a sink
// that lies made it so. The files are read line by line: a record that is glued to another is not there.
func TestWriter_LinesAreConserved(t *testing.T) {
	stderr(t) // where the contained panics are reported
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.Bool().Draw(t, "whole")
		primary := &lineFile{script: scripts(t, "primary"), whole: whole, extra: map[string]int{}}
		fallback := &lineFile{script: scripts(t, "fallback"), whole: whole, extra: map[string]int{}}
		panicky := rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "callbacks panic every")
		calls := 0
		called := func() {
			if calls++; panicky > 0 && calls%panicky == 0 {
				panic("callback")
			}
		}
		lost := map[string]int{}
		opts := []breakerio.Option{
			breakerio.WithRecordErrors(func(err error) bool { called(); return errors.Is(err, errTooLarge) }),
			breakerio.WithOnDiverted(func(breakerio.Diversion) { called() }),
			breakerio.WithOnOutage(func(breakerio.Outage) { called() }),
			breakerio.WithOnLost(func(p []byte, _ error) {
				for line := range strings.Lines(string(p)) {
					lost[strings.TrimSuffix(line, "\n")]++
				}
				called()
			}),
		}
		if whole {
			opts = append(opts, breakerio.WithWholeRecords())
		}
		recovery := rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "recovery")
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(recovery))
		w := breakerio.NewWriter(b, primary, fallback, opts...)
		writes := rapid.IntRange(1, 30).Draw(t, "writes")
		closes := rapid.IntRange(0, 2*writes).Draw(t, "closes")
		var offered, refused []string
		for i := range writes {
			var batch []string
			for j := range rapid.IntRange(1, 4).Draw(t, "lines") {
				batch = append(batch, fmt.Sprintf("<%d.%d>", i, j))
			}
			if rapid.IntRange(0, 9).Draw(t, "bad") == 9 {
				batch[0] += badLine
			}
			if i == closes {
				if err := w.Close(); err != nil || !primary.closed || !fallback.closed {
					t.Fatalf("Close: %v, primary closed %v, fallback closed %v", err, primary.closed, fallback.closed)
				}
			}
			p := []byte(strings.Join(batch, "\n") + "\n")
			n, err := w.Write(p)
			if i >= closes {
				if n != 0 || !errors.Is(err, fs.ErrClosed) {
					t.Fatalf("after Close: %d, %v", n, err)
				}
				refused = append(refused, batch...)
				continue
			}
			offered = append(offered, batch...)
			if err == nil && n != len(p) || err != nil && (n < 0 || n >= len(p) || n > 0 && p[n-1] != '\n') {
				t.Fatalf("a write of %q returned %d, %v", p, n, err)
			}
			if err != nil && lost[lastLine(p[:len(p)-1])] == 0 {
				t.Fatalf("a write of %q returned %v, and was not reported", p, err)
			}
		}
		judgeLines(t, primary, fallback, lost, offered, refused)
		s := w.Stats()
		if int(s.Torn) > primary.cuts { // less, where a cut left nothing but the newline of a repair
			t.Fatalf("the primary cut %d writes, counted are %d", primary.cuts, s.Torn)
		}
		if s.Rejected+s.Failed+s.Panicked+s.Busy+s.RecordErrors != s.Fallback+s.Lost {
			t.Fatalf("the counts by reason are not those by place: %+v", s)
		}
	})
}

func judgeLines(t *rapid.T, primary, fallback *lineFile, lost map[string]int, offered, refused []string) {
	have := map[string]int{}
	for _, f := range []*lineFile{primary, fallback} {
		fragments := 0
		for line := range strings.SplitSeq(f.String(), "\n") {
			have[line]++
			if line != "" && !strings.HasSuffix(line, ">") {
				fragments++
			}
			if strings.Count(line, "<") > 1 {
				t.Fatalf("%q are two records on one line", line)
			}
		}
		if fragments > f.cuts {
			t.Fatalf("%d fragments of %d cuts in %q", fragments, f.cuts, f.String())
		}
	}
	for _, line := range offered {
		if got, want := have[line]+lost[line], 1+primary.extra[line]+fallback.extra[line]; got != want {
			t.Fatalf("%s is %d times in the files and %d times lost, not %d times in all:\n%q\n%q",
				line, have[line], lost[line], want, primary.String(), fallback.String())
		}
	}
	for _, line := range refused {
		if have[line]+lost[line] != 0 {
			t.Fatalf("%s was refused, and is there", line)
		}
	}
}
