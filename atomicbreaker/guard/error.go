// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// errUnwound stands for the error of a sink that did not return.
var errUnwound = errors.New("panicked or called runtime.Goexit")

// unwoundBy makes an error of what a sink panicked with.
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

// rejection is the primary's error where the breaker turned the record away.
type rejection struct {
	state atomicbreaker.State
	err   error // what errors.Is finds
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
	if l.fallback == ErrNoFallback { //nolint:errorlint // this value itself
		return fmt.Sprintf("primary: %v; no fallback", l.primary)
	}
	return fmt.Sprintf("primary: %v; fallback: %v", l.primary, l.fallback)
}

// rejections are the errors of records that are turned away, made once because turning away must not
// allocate. nowhere are the same where there is no fallback.
type rejections struct {
	open, halfOpen, forced *rejection
	nowhere                map[error]error
}

func newRejections(adapter, name string) rejections {
	r := rejections{
		open:     &rejection{atomicbreaker.Open, atomicbreaker.ErrOpen},
		halfOpen: &rejection{atomicbreaker.HalfOpen, atomicbreaker.ErrTooManyProbes},
		forced:   &rejection{atomicbreaker.ForcedOpen, atomicbreaker.ErrOpen},
		nowhere:  map[error]error{},
	}
	for _, why := range []error{r.open, r.halfOpen, r.forced} {
		r.nowhere[why] = &loss{adapter, name, why, ErrNoFallback}
	}
	return r
}

// in returns the error for a state. A breaker that has closed since it turned the record away was open.
func (r *rejections) in(s atomicbreaker.State) error {
	switch s {
	case atomicbreaker.HalfOpen:
		return r.halfOpen
	case atomicbreaker.ForcedOpen:
		return r.forced
	default:
		return r.open
	}
}

// lost makes one error of the primary's and the fallback's.
func (g *Guard[R]) lost(primary, fallback error) error {
	if r, ok := primary.(*rejection); ok && fallback == ErrNoFallback { //nolint:errorlint // these values themselves
		return g.rejected.nowhere[r]
	}
	return &loss{g.options.Adapter, g.breaker.Name(), primary, fallback}
}
