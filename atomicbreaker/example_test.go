// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// After three consecutive failures the breaker stops calling the sink. No record is lost: the
// fallback gets what the sink does not take.
func Example() {
	push := func(string) error { return errors.New("connection refused") }
	fallback := func(record string) { fmt.Println("to the file:", record) }

	breaker := atomicbreaker.MustNew("loki", atomicbreaker.WithFailureThreshold(3))

	for _, record := range []string{"one", "two", "three", "four"} {
		err := breaker.Do(func() error { return push(record) })
		if err != nil {
			fallback(record) // rejected, or it failed
		}
		if errors.Is(err, atomicbreaker.ErrRejected) {
			fmt.Println("not pushed:", err)
		}
	}
	fmt.Println(breaker.State())
	// Output:
	// to the file: one
	// to the file: two
	// to the file: three
	// to the file: four
	// not pushed: breaker "loki": atomicbreaker: call rejected: open
	// open
}

// Call is Do for a function that returns a value.
func ExampleCall() {
	breaker := atomicbreaker.MustNew("loki")

	n, err := atomicbreaker.Call(breaker, func() (int, error) { return len("a batch of records"), nil })
	fmt.Println(n, err)
	// Output: 18 <nil>
}

// Allow, RecordSuccess and RecordFailure correspond to fapilog's should_allow, record_success and
// record_failure.
func ExampleBreaker_Allow() {
	breaker := atomicbreaker.MustNew("loki", atomicbreaker.WithFailureThreshold(2))
	push := func(string) bool { return false }

	for range 3 {
		if !breaker.Allow() {
			fmt.Println("rejected")
			continue
		}
		if push("record") {
			breaker.RecordSuccess()
		} else {
			breaker.RecordFailure()
		}
		fmt.Println("failures:", breaker.Snapshot().Failures)
	}
	// Output:
	// failures: 1
	// failures: 2
	// rejected
}

// A hook receives every transition in order. Use WithAsyncOnTransition for a hook that logs through
// the logger that the breaker guards.
func ExampleWithOnTransition() {
	breaker, err := atomicbreaker.New("loki",
		atomicbreaker.WithFailureThreshold(2),
		atomicbreaker.WithRecoveryTimeout(0),  // probe the sink with the next record
		atomicbreaker.WithHalfOpenMaxCalls(3), // with at most three records at once
		atomicbreaker.WithProbeTimeout(5*time.Second),
		atomicbreaker.WithOnTransition(func(t atomicbreaker.Transition) {
			fmt.Printf("%s: %v -> %v (%v)\n", t.Name, t.From, t.To, t.Cause)
		}),
	)
	if err != nil {
		fmt.Println(err) // reports every invalid option
		return
	}

	for _, err := range []error{errors.New("timeout"), errors.New("timeout"), nil} {
		_ = breaker.Do(func() error { return err })
	}
	// Output:
	// loki: closed -> open (failure_threshold)
	// loki: open -> half_open (probe_admitted)
	// loki: half_open -> closed (probe_succeeded)
}

// A sink that fails occasionally may never fail five times in a row. A failure rate detects it, and
// tolerates the few failures of a healthy sink.
func ExampleWithFailureRate() {
	breaker := atomicbreaker.MustNew("loki", atomicbreaker.WithFailureRate(0.1)) // the threshold is 100
	until := func(every int) string {
		for call := 1; call <= 1_000_000; call++ {
			if call%every == 0 {
				breaker.RecordFailure()
			} else {
				breaker.RecordSuccess()
			}
			if breaker.State() == atomicbreaker.Open {
				return fmt.Sprintf("open after %d calls", call)
			}
		}
		return "closed after a million calls"
	}
	fmt.Println("one in twenty fails:", until(20))
	fmt.Println("one in three fails:", until(3))
	// Output:
	// one in twenty fails: closed after a million calls
	// one in three fails: open after 384 calls
}

// A status page subscribes to breakers that other code created. Its function runs on a separate
// goroutine, so the breaker's callers do not wait for it.
func ExampleBreaker_Subscribe() {
	breaker := atomicbreaker.MustNew("loki")

	transitions := make(chan atomicbreaker.Transition)
	cancel := breaker.Subscribe(func(t atomicbreaker.Transition) { transitions <- t })

	breaker.Trip()
	t := <-transitions
	fmt.Printf("%s: %v -> %v\n", t.Name, t.From, t.To)

	cancel()
	breaker.Reset() // not delivered
	fmt.Println(breaker.State())
	// Output:
	// loki: closed -> open
	// closed
}

// An HTTP sink that answers 429 says how long to wait.
func ExampleBreaker_TripFor() {
	breaker := atomicbreaker.MustNew("loki")
	push := func() *http.Response {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"120"}}}
	}

	if response := push(); response.StatusCode == http.StatusTooManyRequests {
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err == nil {
			breaker.TripFor(time.Duration(seconds) * time.Second)
		}
	}
	fmt.Println(breaker.Allow(), breaker.State())
	fmt.Println("Retry-After:", breaker.RetryAfter().Round(time.Minute))
	// Output:
	// false open
	// Retry-After: 2m0s
}

// New reports every invalid option, with its value and range.
func ExampleNew() {
	_, err := atomicbreaker.New("loki", atomicbreaker.WithFailureThreshold(0), atomicbreaker.WithHalfOpenMaxCalls(300))
	fmt.Println(errors.Is(err, atomicbreaker.ErrConfig))
	fmt.Println(err)
	// Output:
	// true
	// atomicbreaker: bad configuration: WithFailureThreshold(0): want 1..65535
	// atomicbreaker: bad configuration: WithHalfOpenMaxCalls(300): want 1..255
}

// A program's defaults, overlaid by a line of its configuration.
func ExampleConfig() {
	var c atomicbreaker.Config
	if err := c.UnmarshalText([]byte("recovery=45s, backoff=5m")); err != nil {
		panic(err)
	}
	defaults := []atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(20),
		atomicbreaker.WithRecoveryTimeout(10 * time.Second),
	}
	b := atomicbreaker.MustNew("loki", append(defaults, c.Options()...)...)
	fmt.Println(b.Config())

	fmt.Println(c.UnmarshalText([]byte("failures=0,recovery=45")))
	// Output:
	// failures=20,recovery=45s,backoff=5m0s,jitter=0,probes=1,successes=1,probe-timeout=30s
	// atomicbreaker: bad configuration: "failures=0": want 1..65535
	// atomicbreaker: bad configuration: "recovery=45": want a duration of 0 or more, such as 45s
}
