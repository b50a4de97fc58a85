// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"

	"github.com/zeromicro/go-zero/core/breaker"
	"github.com/zeromicro/go-zero/core/logx"
)

// github.com/zeromicro/go-zero/core/breaker. It has no states and nothing to configure: it turns calls away with a
// probability that follows from the share of failures in the last ten seconds, and lets one through every second all the
// same. So it cannot be told to trip after five failures, nor to close after a success; it is not in the cycle, the
// storm or the herd, and "open" means here that some thousands of calls have failed. Flaky does not trip it, as it takes
// more than a third of failures. Each call that it turns away formats a line of a log.
//
// Its import starts a goroutine that reads the processor's use four times a second and one that handles signals, and it
// logs to standard output, in the midst of the results, unless told not to.
var gozeroSubject = Subject{"gozero", merge(gozeroPermitLoops, gozeroDoLoops, logLoops(gozeroGuard))}

func init() { logx.Disable() }

type gozeroBreaker struct{ breaker.Breaker }

func gozeroNew(scene) *gozeroBreaker {
	return &gozeroBreaker{breaker.NewBreaker(breaker.WithName("bench"))}
}

func gozeroOpen() *gozeroBreaker {
	b := gozeroNew(usual)
	for range 10_000 {
		_ = b.Do(gozeroFail)
	}
	return b
}

type gozeroPermit struct{ breaker.Promise }

func (b *gozeroBreaker) TryAcquire() (gozeroPermit, bool) {
	promise, err := b.Allow()
	return gozeroPermit{promise}, err == nil
}

func (p gozeroPermit) Success() { p.Accept() }
func (p gozeroPermit) Failure() { p.Reject("failed") }

func gozeroSucceed() error      { return nil }
func gozeroFail() error         { return errSink }
func gozeroFailAdmitted() error { return errSink } // now and then it lets one through
func gozeroAdmitted()           {}

type gozeroWriter struct {
	b breaker.Breaker
	w io.Writer
}

func (g gozeroWriter) Write(p []byte) (n int, err error) {
	err = g.b.Do(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}

func gozeroGuard(w io.Writer) io.Writer { return gozeroWriter{gozeroNew(usual), w} }
