// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// errUnwound stands for the error of a sink that did not return.
var errUnwound = errors.New("panicked or called runtime.Goexit")

// unwoundBy returns an error for the value that a sink panicked with, or errUnwound if v is nil.
func unwoundBy(v any) error {
	switch v := v.(type) {
	case nil:
		return errUnwound
	case error:
		return fmt.Errorf("panicked: %w", v)
	default:
		return fmt.Errorf("panicked: %v", v)
	}
}

// rejection is the primary's error for a record that the breaker rejected.
type rejection struct {
	state atomicbreaker.State
	err   error // the error to match with errors.Is
}

func (r *rejection) Error() string { return fmt.Sprintf("rejected, breaker is %v", r.state) }
func (r *rejection) Unwrap() error { return r.err }

// loss is the error of a record that neither side took.
type loss struct {
	adapter, name     string
	primary, fallback error
}

func (l *loss) Error() string { return fmt.Sprintf("%s: %q: %s", l.adapter, l.name, l.why()) }

func (l *loss) Unwrap() []error { return []error{l.primary, l.fallback} }

func (l *loss) why() string {
	if l.fallback == ErrNoFallback { //nolint:errorlint // compares identity
		return fmt.Sprintf("primary: %v; no fallback", l.primary)
	}
	return fmt.Sprintf("primary: %v; fallback: %v", l.primary, l.fallback)
}

// rejections holds the errors of rejected records. They are made once, because rejecting a record
// must not allocate. noFallback maps each of them to its loss where there is no fallback.
type rejections struct {
	open, halfOpen, forced *rejection
	noFallback             map[error]error
}

func newRejections(adapter, name string) rejections {
	r := rejections{
		open:       &rejection{atomicbreaker.Open, atomicbreaker.ErrOpen},
		halfOpen:   &rejection{atomicbreaker.HalfOpen, atomicbreaker.ErrTooManyProbes},
		forced:     &rejection{atomicbreaker.ForcedOpen, atomicbreaker.ErrOpen},
		noFallback: map[error]error{},
	}
	for _, why := range []error{r.open, r.halfOpen, r.forced} {
		r.noFallback[why] = &loss{adapter, name, why, ErrNoFallback}
	}
	return r
}

// forState returns the error for a state. If the breaker has closed since it rejected the record,
// it was open.
func (r *rejections) forState(s atomicbreaker.State) error {
	switch s {
	case atomicbreaker.HalfOpen:
		return r.halfOpen
	case atomicbreaker.ForcedOpen:
		return r.forced
	default:
		return r.open
	}
}

// lost combines the errors of the primary and the fallback.
func (g *Guard[R]) lost(primary, fallback error) error {
	if r, ok := primary.(*rejection); ok && fallback == ErrNoFallback { //nolint:errorlint // compares identity
		return g.rejected.noFallback[r]
	}
	return &loss{g.options.Adapter, g.breaker.Name(), primary, fallback}
}
