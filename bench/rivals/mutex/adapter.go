// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

var Subject = scenario.Subject{Name: "mutex", Loops: scenario.Merge(pairLoops, permitLoops, doLoops, scenario.LogLoops(guard))}

type Breaker = locked.Mutex

func New(s scenario.Scene) *Breaker { return locked.NewMutex(s.Params()) }

func Open() *Breaker {
	b := New(scenario.UsualScene)
	b.Trip()
	return b
}

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }

type writer struct {
	b *Breaker
	w io.Writer
}

func guard(w io.Writer) io.Writer { return writer{New(scenario.UsualScene), w} }

func (g writer) Write(p []byte) (n int, err error) {
	err = g.b.Do(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}
