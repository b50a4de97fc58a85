// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const defaultMaxRetryAfter = 5 * time.Minute

// RetryAfter returns the time that the server asked for with the Retry-After header of a 429 or
// 503, if err is or wraps a [*StatusError] with such a time. Pass it to
// [atomicbreaker.WithRetryAfter] for the breaker of a Writer or a Replay above a [Sink]. A
// [Transport] needs no option.
func RetryAfter(err error) (time.Duration, bool) {
	var e *StatusError
	if !errors.As(err, &e) || e.RetryAfter <= 0 {
		return 0, false
	}
	return e.RetryAfter, true
}

type maxRetryAfter time.Duration

func (d maxRetryAfter) applyToTransport(c *transportConfig) { c.maxRetryAfter = time.Duration(d) }
func (d maxRetryAfter) applyToSink(c *sinkConfig)           { c.maxRetryAfter = time.Duration(d) }

// WithMaxRetryAfter limits the time that a Retry-After header can ask for, so that one header does
// not silence a sink for a year. A longer time is reduced to d, which must be more than 0. The
// default is 5 minutes.
func WithMaxRetryAfter(d time.Duration) Option { return maxRetryAfter(d) }

// Option configures a [Transport] or a [Sink].
type Option interface {
	TransportOption
	SinkOption
}

func checkMaxRetryAfter(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("WithMaxRetryAfter(%v): want more than 0", d)
	}
	return nil
}

// parseRetryAfter returns how long a 429 or 503 asks to wait, at most longest. It returns 0 if the
// response has another status or names no time in the future.
func parseRetryAfter(resp *http.Response, longest time.Duration) time.Duration {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
	default:
		return 0
	}
	value := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if d, ok := parseSeconds(value); ok {
		return min(d, longest)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	// The server's clock, if it is known: the local one may differ.
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(0, at.Sub(now)), longest)
}

// parseSeconds parses a number of seconds without a sign. RFC 9110 wants an integer, but some
// servers send a decimal fraction. A number that does not fit in a Duration becomes the longest
// one.
func parseSeconds(s string) (time.Duration, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if !isDigits(whole) || strings.Contains(s, ".") && !isDigits(fraction) {
		return 0, false
	}
	d, err := time.ParseDuration(s + "s")
	if err != nil { // too large
		return 1<<63 - 1, true
	}
	return d, true
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
