// SPDX-License-Identifier: Apache-2.0

package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration][3]string{ // span, age, ahead
		-time.Second:                          {"<1ms", "<1s", "<1ms"},
		0:                                     {"<1ms", "<1s", "<1ms"},
		time.Microsecond:                      {"<1ms", "<1s", "1s"},
		42 * time.Millisecond:                 {"42ms", "<1s", "1s"},
		59*time.Second + 900*time.Millisecond: {"59s", "59s", "1m 00s"},
		3*time.Minute + 5*time.Second:         {"3m 05s", "3m", "3m 05s"},
		2*time.Hour + 7*time.Minute + 59*time.Second: {"2h 07m", "2h 07m", "2h 07m"},
		99*24*time.Hour + 3*time.Hour:                {"99d 03h", "99d 03h", "99d 03h"},
	} {
		require.Equal(t, want, [3]string{span(d), age(d), ahead(d)}, d.String())
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "09:30:00", clock(now, now.Add(-150*time.Minute)))
	require.Equal(t, "2026-11-26 23:59:59", clock(now, now.Add(-12*time.Hour-time.Second)))
	require.Equal(t, "2025-11-27 12:00:00", clock(now, now.AddDate(-1, 0, 0)))
	require.Equal(t, "12:00:00", clock(now, now.In(time.FixedZone("far", 11*3600))))
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 12345678: "12,345,678"} {
		require.Equal(t, want, number(n))
	}
	require.Equal(t, "18,446,744,073,709,551,615", number(^uint64(0)))
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10 << 10: "10 KiB", 3<<30 + 3<<28: "3.8 GiB", 1<<63 - 1: "8.0 EiB",
	} {
		require.Equal(t, want, bytesOf(n))
	}
}

func TestSentence(t *testing.T) {
	for want, s := range map[string]States{
		"no breakers":                {},
		"1 breaker, closed":          {Closed: 1},
		"1,234 breakers, all closed": {Closed: 1234},
		"1 breaker: 1 open":          {Open: 1},
		"7 breakers: 1 open, 2 half-open, 1 forced open, 3 closed": {Closed: 3, Open: 1, HalfOpen: 2, ForcedOpen: 1},
	} {
		require.Equal(t, want, sentence(s))
	}
	require.Equal(t, "forced closed", words(atomicbreaker.ForcedClosed))
	require.Equal(t, "probe timed out", words(atomicbreaker.CauseProbeTimedOut))
}
