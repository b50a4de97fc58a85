// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"errors"
	"fmt"
)

// The errors of this package, to be asked for with [errors.Is].
var (
	// ErrConfig is every error of [New].
	ErrConfig = errors.New("atomicbreaker: bad configuration")

	// ErrRejected is every error with which [Breaker.Do] and [Call] turn a call away: ErrOpen or ErrTooManyProbes.
	ErrRejected = errors.New("atomicbreaker: call rejected")

	// ErrOpen says that the breaker was open, or forced open. It is also an ErrRejected.
	ErrOpen = fmt.Errorf("%w: open", ErrRejected)

	// ErrTooManyProbes says that the breaker was half-open and all its probes were in flight. It is also an ErrRejected.
	ErrTooManyProbes = fmt.Errorf("%w: too many probes in flight", ErrRejected)

	// ErrSlow matches the error in [Transition] where a success counted as a failure because it took
	// longer than [WithSlowThreshold] allows. No call returns it.
	ErrSlow = errors.New("atomicbreaker: slow success")
)

// badOption is one bad option; it names the value and the range.
func badOption(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
