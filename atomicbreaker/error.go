// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"errors"
	"fmt"
)

// Test for these errors with [errors.Is].
var (
	// ErrConfig matches every error returned by [New].
	ErrConfig = errors.New("atomicbreaker: bad configuration")

	// ErrRejected matches every error that [Breaker.Do] and [Call] return for a call that they
	// reject.
	ErrRejected = errors.New("atomicbreaker: call rejected")

	// ErrOpen matches the error of a call that an open or forced-open breaker rejects. ErrOpen
	// matches ErrRejected.
	ErrOpen = fmt.Errorf("%w: open", ErrRejected)

	// ErrTooManyProbes matches the error of a call that a half-open breaker rejects because all its
	// probes are in flight. ErrTooManyProbes matches ErrRejected.
	ErrTooManyProbes = fmt.Errorf("%w: too many probes in flight", ErrRejected)

	// ErrSlow matches [Transition.Err] if the transition was made by a success that took longer
	// than [WithSlowThreshold] allows. No call returns it.
	ErrSlow = errors.New("atomicbreaker: slow success")
)

// badOption returns an error that matches ErrConfig. The text names the option's value and range.
func badOption(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
