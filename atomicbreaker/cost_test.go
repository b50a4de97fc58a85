// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"context"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"math/bits"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// skipUnderRace skips a cost test under the race detector, whose own cost it would measure.
func skipUnderRace(t *testing.T) {
	t.Helper()
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	for _, setting := range info.Settings {
		if setting.Key == "-race" && setting.Value == "true" {
			t.Skip("the race detector adds costs of its own")
		}
	}
}

// The compiler reports what it inlines. Permit.Success slightly exceeds the inlining budget and is
// one short call.
func TestCost_FastHalvesInline(t *testing.T) {
	skipUnderRace(t)
	if bits.UintSize < 64 {
		t.Skip("a 64-bit load is a call on 32-bit platforms, and leaves no room in the inliner's budget")
	}
	build := exec.Command("go", "build", "-gcflags=-m=2", ".")
	build.Env = append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	for _, line := range []string{
		`can inline \(\*Breaker\)\.Allow with`,
		`can inline \(\*Breaker\)\.RecordSuccess with`,
		`can inline \(\*Breaker\)\.TryAcquire with`,
		`can inline \(\*Breaker\)\.Do with`,
		`cannot inline \(\*Breaker\)\.allowSlow: marked go:noinline`,
		`cannot inline \(\*Breaker\)\.recordSuccessSlow: marked go:noinline`,
		`cannot inline \(\*Permit\)\.acquireSlow: marked go:noinline`,
		`cannot inline \(\*Permit\)\.report: marked go:noinline`,
		`cannot inline \(\*Breaker\)\.do: marked go:noinline`,
	} {
		require.Regexp(t, line, string(said))
	}
}

// free lists everything a breaker does except publishing a transition and starting a timer. Each
// entry prepares a breaker and returns a function that must not allocate. No timer of the breaker
// fires during the test.
var free = map[string]func(*atomicbreaker.Breaker) func(){
	"healthy Allow": func(b *atomicbreaker.Breaker) func() {
		return func() { _ = b.Allow(); b.RecordSuccess() }
	},
	"healthy permit": func(b *atomicbreaker.Breaker) func() {
		return func() {
			p, _ := b.TryAcquire()
			defer p.Cancel()
			p.Success()
		}
	},
	"flaky Allow": func(b *atomicbreaker.Breaker) func() {
		return func() { _ = b.Allow(); b.RecordFailure(); b.RecordSuccess() }
	},
	"flaky permit": func(b *atomicbreaker.Breaker) func() {
		return func() {
			p, _ := b.TryAcquire()
			p.Report(errDown)
			p, _ = b.TryAcquire()
			p.Report(nil)
		}
	},
	"flaky Do": func(b *atomicbreaker.Breaker) func() {
		return func() { _, _ = b.Do(down), b.Do(up) }
	},
	"flaky Call": func(b *atomicbreaker.Breaker) func() {
		return func() {
			_, _ = atomicbreaker.Call(b, downValue)
			_, _ = atomicbreaker.Call(b, upValue)
		}
	},
	"canceled Do": func(b *atomicbreaker.Breaker) func() {
		return func() { _ = b.Do(canceled) }
	},
	"rejected by open":        func(b *atomicbreaker.Breaker) func() { b.Trip(); return rejected(b) },
	"rejected by forced open": func(b *atomicbreaker.Breaker) func() { b.ForceOpen(); return rejected(b) },
	"rejected by half-open": func(b *atomicbreaker.Breaker) func() {
		halfOpen(b)
		return rejected(b)
	},
	"forced closed": func(b *atomicbreaker.Breaker) func() {
		b.ForceClosed()
		return func() { _, _ = b.Do(up), b.Do(down) }
	},
	"outcomes while open": func(b *atomicbreaker.Breaker) func() {
		b.Trip()
		return func() { b.RecordFailure(); b.RecordSuccess() }
	},
	"probe readmitted": func(b *atomicbreaker.Breaker) func() {
		p := halfOpen(b)
		return func() {
			p.Cancel()
			p, _ = b.TryAcquire()
		}
	},
	"probe canceled in Do": func(b *atomicbreaker.Breaker) func() {
		p := halfOpen(b)
		p.Cancel()
		return func() { _ = b.Do(canceled) }
	},
	"late reports, closed": func(b *atomicbreaker.Breaker) func() {
		b.RecordFailure()
		return late(b)
	},
	"late reports, open": func(b *atomicbreaker.Breaker) func() { b.Trip(); return late(b) },
	"late reports, half-open": func(b *atomicbreaker.Breaker) func() {
		halfOpen(b)
		return late(b)
	},
	"queries": func(b *atomicbreaker.Breaker) func() {
		b.Trip()
		return func() { _, _, _, _ = b.Name(), b.State(), b.Snapshot(), b.RetryAfter() }
	},
	"control that changes nothing, closed": func(b *atomicbreaker.Breaker) func() { return b.Reset },
	"control that changes nothing, open": func(b *atomicbreaker.Breaker) func() {
		b.Trip()
		return func() { b.Trip(); b.TripFor(0) }
	},
	"control that changes nothing, forced": func(b *atomicbreaker.Breaker) func() {
		b.ForceOpen()
		return func() { b.ForceOpen(); b.Trip(); b.TripFor(time.Hour) }
	},
}

func up() error                { return nil }
func down() error              { return errDown }
func canceled() error          { return context.Canceled }
func upValue() (int, error)    { return 1, nil }
func downValue() (int, error)  { return 0, errDown }
func never() error             { panic("was admitted") }
func neverValue() (int, error) { panic("was admitted") }

func rejected(b *atomicbreaker.Breaker) func() {
	return func() {
		_ = b.Allow()
		_, _ = b.TryAcquire()
		_ = b.Do(never)
		_, _ = atomicbreaker.Call(b, neverValue)
	}
}

// halfOpen makes b half-open and returns the permit of its only probe.
func halfOpen(b *atomicbreaker.Breaker) atomicbreaker.Permit {
	b.Trip()
	b.Elapsed(b.Snapshot().Generation, 0)
	p, ok := b.TryAcquire()
	if !ok {
		panic("no probe was due")
	}
	return p
}

// late returns a function that reports through permits of the previous period. It spells out the
// calls, because a permit passed through a function value would escape.
func late(b *atomicbreaker.Breaker) func() {
	generation := (b.Snapshot().Generation - 1) & word.MaxGeneration
	return func() {
		p := b.PermitOf(generation)
		p.Success()
		p = b.PermitOf(generation)
		p.Failure()
		p = b.PermitOf(generation)
		p.Cancel()
		p = b.PermitOf(generation)
		p.Report(errDown)
	}
}

func TestCost_NothingAllocates(t *testing.T) {
	skipUnderRace(t)
	for name, opts := range map[string][]atomicbreaker.Option{
		"consecutive": nil,
		"rate":        {atomicbreaker.WithFailureRate(0.5)},
		"hooks":       {atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) {})},
	} {
		for path, prepare := range free {
			t.Run(path+", "+name, func(t *testing.T) {
				b := atomicbreaker.MustNew("sink", append(opts, atomicbreaker.WithRecoveryTimeout(24*time.Hour),
					atomicbreaker.WithProbeTimeout(24*time.Hour))...)
				f := prepare(b)
				before := b.Snapshot().Generation
				require.Zero(t, testing.AllocsPerRun(200, f))
				require.Equal(t, before, b.Snapshot().Generation, "the path published a transition")
			})
		}
	}
}

// A recovery timeout of 0 has no back-off and needs no timer: each call probes a dead sink.
// Otherwise each of these outages and recoveries would start a timer.
func TestCost_NoTimerWithoutATimeout(t *testing.T) {
	skipUnderRace(t)
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0))
	before := b.Snapshot().Generation
	require.Zero(t, testing.AllocsPerRun(200, func() {
		b.Trip()
		p, _ := b.TryAcquire()
		p.Success()
	}))
	require.Equal(t, before+201*3, b.Snapshot().Generation, "open, half-open, closed, and one run to warm up")
}

// A breaker without subscriptions pays nothing for them, even if it once had one.
func TestCost_NothingForASubscriptionThatIsOver(t *testing.T) {
	skipUnderRace(t)
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0))
	b.Subscribe(func(atomicbreaker.Transition) {})()
	require.Zero(t, testing.AllocsPerRun(200, func() { b.Trip(); b.Reset() }))
}

func TestCost_Sizes(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(atomicbreaker.Breaker{}), uintptr(192))
	require.Equal(t, unsafe.Sizeof(uintptr(0))+8, unsafe.Sizeof(atomicbreaker.Permit{}), "want a pointer and a word")
	if bits.UintSize == 64 {
		require.Equal(t, uintptr(16), unsafe.Sizeof(atomicbreaker.Permit{}))
	}
}

// On 32-bit platforms a 64-bit atomic is aligned to 4 bytes unless it is first in an allocation of
// its own.
func TestCost_TheWordIsFirstAndAligned(t *testing.T) {
	field, ok := reflect.TypeFor[atomicbreaker.Breaker]().FieldByName("word")
	require.True(t, ok)
	require.Zero(t, field.Offset)
	require.Equal(t, uintptr(8), field.Type.Size())
	for range 1000 {
		b := atomicbreaker.MustNew("sink")
		require.Zero(t, uintptr(unsafe.Pointer(b))%8)
		b.RecordFailure()
	}
}

// The test checks the architecture in the files that are built. Only breaker.go accesses the word,
// with a single compare-and-swap (I1). Nothing takes a lock, and only asynchronous hooks have a
// goroutine. The other compare-and-swaps are of pointers, in the files that keep a timer or a list
// of subscriptions.
func TestCost_OneSwapNoLockNoGoroutine(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	require.NoError(t, err)
	require.NotContains(t, pkg.Imports, "sync")
	require.NotContains(t, pkg.Imports, "sync/atomic")

	var goroutines []string
	accesses, swaps := make(map[string]int), make(map[string]int)
	files := token.NewFileSet()
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(files, name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				goroutines = append(goroutines, name)
			case *ast.SelectorExpr:
				if n.Sel.Name == "CompareAndSwap" || n.Sel.Name == "CAS" {
					swaps[name+": "+types.ExprString(n.X)]++
				}
				if n.Sel.Name == "word" {
					accesses[name+": the word"]++
				} else if of, ok := n.X.(*ast.SelectorExpr); ok && of.Sel.Name == "word" {
					accesses[name+": "+n.Sel.Name]++
				}
			}
			return true
		})
	}
	loads := accesses["breaker.go: Load"]
	require.Positive(t, loads)
	require.Equal(t, map[string]int{
		"breaker.go: the word": loads + 1, "breaker.go: Load": loads, "breaker.go: CompareAndSwap": 1,
	}, accesses, "the word is accessed in another file, or other than by a load or the compare-and-swap")
	require.Equal(t, map[string]int{
		"breaker.go: b.word": 1, "timer.go: b.timer": 2, "hook.go: b.subscriptions": 2,
	}, swaps)
	require.Equal(t, []string{"atomic.go"}, goroutines)
}
