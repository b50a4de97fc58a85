// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"errors"
	"math"
	"math/big"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const serverDate = "Thu, 26 Nov 2026 12:00:00 GMT"

func response(status int, retryAfter, date string) *http.Response {
	h := http.Header{}
	h.Set("Retry-After", retryAfter)
	if date != "" {
		h.Set("Date", date)
	}
	return &http.Response{StatusCode: status, Header: h}
}

func TestParseRetryAfter(t *testing.T) {
	const longest = time.Duration(math.MaxInt64)
	for value, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "0": 0, "1": time.Second, "007": 7 * time.Second, " 3 ": 3 * time.Second,
		"9223372036": 9223372036 * time.Second, "9223372037": longest, "99999999999999999999999999": longest,
		"0.5": 500 * time.Millisecond, "64.57": 64570 * time.Millisecond, "0.0000000001": 0, "1.": 0, ".5": 0, "1.2.3": 0,
		"": 0, "-1": 0, "+1": 0, "1e3": 0, "0x10": 0, "1s": 0, "1,2": 0, "soon": 0, "∞": 0, "١": 0,

		"Thu, 26 Nov 2026 12:30:00 GMT":     30 * time.Minute,
		"Thursday, 26-Nov-26 12:30:00 GMT":  30 * time.Minute, // RFC 850
		"Thu Nov 26 12:30:00 2026":          30 * time.Minute, // asctime
		"Tue Dec  1 12:00:00 2026":          5 * 24 * time.Hour,
		"Thu, 26 Nov 2026 12:00:00 GMT":     0,
		"Thu, 26 Nov 2026 11:59:59 GMT":     0, // past
		"Sunday, 06-Nov-94 08:49:37 GMT":    0,
		"Fri, 31 Dec 9999 23:59:59 GMT":     longest,
		"Thu, 26 Nov 2026 12:30:00 +0200":   0, // not a date of HTTP
		"2026-11-26T12:30:00Z":              0,
		"Thu, 32 Nov 2026 12:30:00 GMT":     0,
		"Thu, 26 Nov 2026 12:30:00 GMT, 60": 0,
	} {
		require.Equal(t, want, parseRetryAfter(response(503, value, serverDate), longest), "%q", value)
	}
}

// The date counts from the server's clock, or from ours if the server does not say.
func TestParseRetryAfter_Clock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
		for _, date := range []string{"", "nonsense"} {
			require.Equal(t, time.Hour, parseRetryAfter(response(429, at, date), math.MaxInt64))
		}
		date := time.Now().Add(50 * time.Minute).UTC().Format(http.TimeFormat) // its clock is fast
		require.Equal(t, 10*time.Minute, parseRetryAfter(response(429, at, date), math.MaxInt64))
	})
}

func TestParseRetryAfter_Limit(t *testing.T) {
	for _, value := range []string{"121", "120.5", "Thu, 26 Nov 2026 12:02:01 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "99999999999999999999"} {
		require.Equal(t, 2*time.Minute, parseRetryAfter(response(429, value, serverDate), 2*time.Minute), value)
	}
}

// Whatever the header, the result is 0 or more and within the limit. A number of digits means so
// many seconds.
func TestParseRetryAfter_Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "limit"))
		value := rapid.OneOf(
			rapid.String(), rapid.StringMatching(`[0-9]{1,30}`), rapid.StringMatching(`[-+ ]?[0-9]{0,4}[.,e]?[0-9]{0,4}s?`),
			rapid.StringMatching(`(Mon|Tuesday), [0-3][0-9][ -](Nov|Feb)[ -][0-9]{2,4} [0-2][0-9]:[0-5][0-9]:[0-5][0-9] GMT`),
		).Draw(t, "value")
		status := rapid.SampledFrom([]int{200, 404, 429, 500, 503}).Draw(t, "status")
		got := parseRetryAfter(response(status, value, serverDate), limit)
		switch {
		case status != 429 && status != 503:
			require.Zero(t, got)
		case isDigits(value):
			seconds, _ := new(big.Int).SetString(value, 10)
			want := limit
			if ns := seconds.Mul(seconds, big.NewInt(int64(time.Second))); ns.IsInt64() {
				want = min(limit, time.Duration(ns.Int64()))
			}
			require.Equal(t, want, got)
		default:
			require.GreaterOrEqual(t, got, time.Duration(0))
			require.LessOrEqual(t, got, limit)
		}
	})
}

func TestRetryAfter_OfAnError(t *testing.T) {
	for _, err := range []error{nil, errors.New("other"), &StatusError{Status: 429}, &StatusError{Status: 429, RetryAfter: -1}} {
		d, ok := RetryAfter(err)
		require.False(t, ok)
		require.Zero(t, d)
	}
}
