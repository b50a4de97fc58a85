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

	// ErrRejected matches every error with which [Breaker.Do] and [Call] reject a call.
	ErrRejected = errors.New("atomicbreaker: call rejected")

	// ErrOpen matches the rejection of a call by an open or forced-open breaker. It matches ErrRejected.
	ErrOpen = fmt.Errorf("%w: open", ErrRejected)

	// ErrTooManyProbes matches the rejection of a call by a half-open breaker that has all its probes in
	// flight. It matches ErrRejected.
	ErrTooManyProbes = fmt.Errorf("%w: too many probes in flight", ErrRejected)

	// ErrSlow matches [Transition.Err] if the transition was made by a success that took longer than
	// [WithSlowThreshold] allows. No call returns it.
	ErrSlow = errors.New("atomicbreaker: slow success")
)

// badOption returns an error that matches ErrConfig. The text names the option's value and range.
func badOption(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
