// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// StatusError is a response that is not a success. [Sink.Write] returns it for a status other than
// 2xx. A [Transport] passes it to the breaker, so it is the Err of a transition.
type StatusError struct {
	Status     int           // of the response
	RetryAfter time.Duration // from the Retry-After header of a 429 or 503, limited; 0: none
	URL        string        // without user, password, query and fragment
	Message    string        // start of the response's body; empty from a Transport
}

// Error returns a text such as
//
//	breakerhttp: http://loki:3100/loki/api/v1/push: 503 Service Unavailable, retry after 30s: "overloaded"
func (e *StatusError) Error() string {
	text := fmt.Sprintf("breakerhttp: %s: %d", e.URL, e.Status)
	if s := http.StatusText(e.Status); s != "" {
		text += " " + s
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(", retry after %v", e.RetryAfter)
	}
	if e.Message != "" {
		text += fmt.Sprintf(": %q", e.Message)
	}
	return text
}

func newStatusError(req *http.Request, status int, retryAfter time.Duration) *StatusError {
	return &StatusError{Status: status, RetryAfter: retryAfter, URL: redact(req.URL)}
}

// redact returns a URL without its parts that may hold secrets.
func redact(u *url.URL) string {
	if u == nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// IsRecordError reports whether an error of a [Sink] is the fault of the records and not of the
// server: a 400 or a 413, or an error of the encoder. Pass it to breakerio.WithRecordErrors and
// breakerspool.WithRecordErrors.
func IsRecordError(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status == http.StatusBadRequest ||
			status.Status == http.StatusRequestEntityTooLarge
	}
	var encode *encodeError
	return errors.As(err, &encode)
}

// encodeError is an error of the function of WithEncoder.
type encodeError struct{ err error }

func (e *encodeError) Error() string { return fmt.Sprintf("breakerhttp: encode: %v", e.err) }
func (e *encodeError) Unwrap() error { return e.err }

// rejection is the error of a request that the breaker rejected.
type rejection struct {
	name  string
	state atomicbreaker.State
	err   error // the error to match with errors.Is
}

func (r *rejection) Error() string {
	return fmt.Sprintf("breakerhttp: %q: rejected, breaker is %v", r.name, r.state)
}

func (r *rejection) Unwrap() error { return r.err }

// rejections are made once, because rejecting a request must not allocate.
type rejections struct{ open, halfOpen, forced *rejection }

func newRejections(name string) rejections {
	return rejections{
		open:     &rejection{name, atomicbreaker.Open, atomicbreaker.ErrOpen},
		halfOpen: &rejection{name, atomicbreaker.HalfOpen, atomicbreaker.ErrTooManyProbes},
		forced:   &rejection{name, atomicbreaker.ForcedOpen, atomicbreaker.ErrOpen},
	}
}

// forState returns the error for a state. If the breaker has closed since it rejected the request,
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
