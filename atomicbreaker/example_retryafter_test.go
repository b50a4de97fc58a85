// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// statusError is an unsuccessful response. It carries the header, so that retryAfter can read
// Retry-After.
type statusError struct {
	status int
	header http.Header
}

func (e *statusError) Error() string { return fmt.Sprint(e.status, " ", http.StatusText(e.status)) }

// push sends a batch to an HTTP sink.
func push(client *http.Client, url, batch string) error {
	response, err := client.Post(url, "application/x-ndjson", strings.NewReader(batch))
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		return &statusError{response.StatusCode, response.Header}
	}
	return nil
}

// retryAfter reads the Retry-After header of a 429 or 503, a number of seconds or a date.
func retryAfter(err error) (time.Duration, bool) {
	const longest = time.Hour // the limit for the sink's answer
	var e *statusError
	if !errors.As(err, &e) {
		return 0, false
	}
	if e.status != http.StatusTooManyRequests && e.status != http.StatusServiceUnavailable {
		return 0, false
	}
	value := e.header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(seconds, int(longest/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(e.header.Get("Date")) // the sink's clock: ours may differ
	if err != nil {
		now = time.Now()
	}
	return min(at.Sub(now), longest), true
}

// An HTTP sink rejects a batch and says how long to wait. One such answer opens the breaker for
// that long, whatever the failure threshold.
func ExampleWithRetryAfter() {
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/seconds" {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("Date", "Thu, 26 Nov 2026 12:00:00 GMT")
		w.Header().Set("Retry-After", "Thu, 26 Nov 2026 12:30:00 GMT")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer sink.Close()

	for _, path := range []string{"/seconds", "/date"} {
		breaker := atomicbreaker.MustNew("loki", atomicbreaker.WithRetryAfter(retryAfter))
		err := breaker.Do(func() error { return push(sink.Client(), sink.URL+path, `{"n":1}`) })
		fmt.Printf("%v: %v for %v\n", err, breaker.State(), breaker.RetryAfter().Round(time.Minute))
	}
	// Output:
	// 429 Too Many Requests: open for 2m0s
	// 503 Service Unavailable: open for 30m0s
}
