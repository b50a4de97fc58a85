// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"errors"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

var (
	errDown     = errors.New("down")
	errTooLarge = errors.New("record too large")
)

// sinkFunc is a function that is a sink.
type sinkFunc func(p []byte) (int, error)

func (f sinkFunc) Write(p []byte) (int, error) { return f(p) }

func breaker(opts ...atomicbreaker.Option) *atomicbreaker.Breaker {
	return atomicbreaker.MustNew("sink", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithRecoveryTimeout(time.Second),
	}, opts...)...)
}
