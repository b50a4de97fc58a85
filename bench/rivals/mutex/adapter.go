// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

var Subject = scenario.Subject{Name: "mutex", Loops: scenario.Merge(mutexPairLoops, mutexPermitLoops, mutexDoLoops, scenario.LogLoops(mutexGuard))}

type Breaker = locked.Mutex

func New(s scenario.Scene) *Breaker { return locked.NewMutex(s.Params()) }

func Open() *Breaker {
	b := New(scenario.UsualScene)
	b.Trip()
	return b
}

func mutexSucceed() error      { return nil }
func mutexFail() error         { return scenario.ErrSink }
func mutexFailAdmitted() error { panic(scenario.UnexpectedAdmit) }
func mutexAdmitted()           { panic(scenario.UnexpectedAdmit) }

type mutexWriter struct {
	b *Breaker
	w io.Writer
}

func mutexGuard(w io.Writer) io.Writer { return mutexWriter{New(scenario.UsualScene), w} }

func (g mutexWriter) Write(p []byte) (n int, err error) {
	err = g.b.Do(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}
