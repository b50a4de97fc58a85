// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// everyKey has each key, in the order of the text form.
const everyKey = "failures=7,rate=0.25,recovery=45s,backoff=5m0s,jitter=0.2,probes=3,successes=2," +
	"probe-timeout=0s,slow=1.5s,dry-run=true"

func parseConfig(t require.TestingT, text string) (c atomicbreaker.Config) {
	require.NoError(t, c.UnmarshalText([]byte(text)), text)
	return c
}

func TestConfig_EveryKey(t *testing.T) {
	c := parseConfig(t, everyKey)
	require.Equal(t, everyKey, c.String())
	require.Equal(t, everyKey, fmt.Sprint(c))
	require.Len(t, c.Options(), 10)
	b := atomicbreaker.MustNew("sink", c.Options()...)
	require.Equal(t, c, b.Config(), "each key has reached its option")
	var keys []string
	for key, value := range c.All() {
		keys = append(keys, key)
		require.Contains(t, everyKey, key+"="+value)
	}
	require.Len(t, keys, 10)
	for range c.All() {
		break
	}
}

func TestConfig_OnlyWhatWasGiven(t *testing.T) {
	for _, text := range []string{"", " ", "\n"} {
		c := parseConfig(t, text)
		require.Equal(t, atomicbreaker.Config{}, c)
		require.Empty(t, c.Options())
		require.Empty(t, c.String())
	}
	require.NotEqual(t, parseConfig(t, ""), parseConfig(t, "recovery=0"), "0 is a value")
	require.NotEqual(t, parseConfig(t, ""), parseConfig(t, "dry-run=false"))
	require.Empty(t, parseConfig(t, "dry-run=false").Options(), "there is no option that ends a dry run")

	b := atomicbreaker.MustNew("sink", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(9), atomicbreaker.WithRecoveryTimeout(time.Hour),
	}, parseConfig(t, "recovery=0").Options()...)...)
	require.Equal(t, "failures=9,recovery=0s,jitter=0,probes=1,successes=1,probe-timeout=30s", b.Config().String())
}

func TestConfig_SpacesAndOrder(t *testing.T) {
	c := parseConfig(t, " recovery = 45s ,\n failures=7 ")
	require.Equal(t, "failures=7,recovery=45s", c.String())
	require.Equal(t, parseConfig(t, "failures=7,recovery=45s"), c)
}

func TestConfig_UnmarshalReplaces(t *testing.T) {
	c := parseConfig(t, "failures=7,recovery=45s")
	require.NoError(t, c.UnmarshalText([]byte("jitter=1")))
	require.Equal(t, parseConfig(t, "jitter=1"), c)
}

func TestConfig_Errors(t *testing.T) {
	const (
		above0  = ": want a duration of more than 0, such as 45s"
		atLeast = ": want a duration of 0 or more, such as 45s"
		keys    = ": want a key of failures, rate, recovery, backoff, jitter, probes, successes, probe-timeout, slow, dry-run"
	)
	for text, want := range map[string]string{
		"failures=0":         ": want 1..65535",
		"failures=65536":     ": want 1..65535",
		"failures=-1":        ": want 1..65535",
		"failures=1.5":       ": want 1..65535",
		"failures=":          ": want 1..65535",
		"failures":           ": want key=value",
		"rate=0":             ": want more than 0 and less than 1",
		"rate=1":             ": want more than 0 and less than 1",
		"rate=NaN":           ": want more than 0 and less than 1",
		"rate=10%":           ": want more than 0 and less than 1",
		"recovery=-1ns":      atLeast,
		"recovery=45":        atLeast,
		"backoff=0s":         above0,
		"backoff=5 minutes":  above0,
		"jitter=-0.1":        ": want 0 or more, and finite",
		"jitter=Inf":         ": want 0 or more, and finite",
		"jitter=1e999":       ": want 0 or more, and finite",
		"probes=0":           ": want 1..255",
		"probes=256":         ": want 1..255",
		"successes=0":        ": want 1..255",
		"successes=256":      ": want 1..255",
		"probe-timeout=-30s": atLeast,
		"slow=0":             above0,
		"slow=-1s":           above0,
		"dry-run=1":          ": want true or false",
		"dry-run=":           ": want true or false",
		"dry-run":            ": want key=value",
		"timeout=30s":        keys,
		"Failures=7":         keys,
		"=7":                 keys,
		"a=b=c":              keys,
	} {
		c := parseConfig(t, "failures=7")
		err := c.UnmarshalText([]byte(text))
		require.EqualError(t, err, fmt.Sprintf("atomicbreaker: bad configuration: %q%s", text, want))
		require.ErrorIs(t, err, atomicbreaker.ErrConfig)
		require.Equal(t, parseConfig(t, "failures=7"), c, "unchanged")
	}
}

func TestConfig_OneErrorForAllKeys(t *testing.T) {
	var c atomicbreaker.Config
	err := c.UnmarshalText([]byte("failures=0,recovery=45s,,jitter=x,recovery=1s,speed=9"))
	require.ErrorIs(t, err, atomicbreaker.ErrConfig)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 5)
	for i, want := range []string{
		`"failures=0": want 1..65535`, `"": want key=value`, `"jitter=x": want 0 or more, and finite`,
		`"recovery=1s": want recovery only once`, `"speed=9": want a key of failures, `,
	} {
		require.Contains(t, lines[i], want)
	}
	require.Equal(t, atomicbreaker.Config{}, c)
}

// A value is shown so that it cannot forge a line of a log.
func TestConfig_ErrorsQuote(t *testing.T) {
	var c atomicbreaker.Config
	err := c.UnmarshalText([]byte("failures=1\nok"))
	require.NotContains(t, err.Error(), "\n")
}

// drawConfig draws a text with some keys, in any order, with values that may be out of range.
func drawConfig(t *rapid.T) string {
	n := rapid.IntRange(-1, 70_000)
	some := rapid.OneOf(rapid.IntRange(-2, 300), n)
	d := rapid.OneOf(
		rapid.Map(rapid.Int64(), func(n int64) string { return time.Duration(n).String() }),
		rapid.SampledFrom([]string{"0", "-1ns", "1ns", "45s", "1h", ""}),
	)
	f := rapid.OneOf(
		rapid.Map(rapid.Float64(), func(f float64) string { return fmt.Sprint(f) }),
		rapid.SampledFrom([]string{"0", "-0", "0.1", "0.999", "1", "1e-9"}),
	)
	values := map[string]func() string{
		"failures":  func() string { return fmt.Sprint(some.Draw(t, "failures")) },
		"probes":    func() string { return fmt.Sprint(some.Draw(t, "probes")) },
		"successes": func() string { return fmt.Sprint(some.Draw(t, "successes")) },
		"rate":      func() string { return f.Draw(t, "rate") },
		"jitter":    func() string { return f.Draw(t, "jitter") },
		"dry-run":   func() string { return fmt.Sprint(rapid.Bool().Draw(t, "dry-run")) },
	}
	for _, key := range []string{"recovery", "backoff", "probe-timeout", "slow"} {
		values[key] = func() string { return d.Draw(t, key) }
	}
	keys := []string{"failures", "probes", "successes", "rate", "jitter", "dry-run", "recovery", "backoff", "probe-timeout", "slow"}
	var items []string
	for _, key := range rapid.Permutation(keys).Draw(t, "keys")[:rapid.IntRange(0, len(keys)).Draw(t, "n")] {
		items = append(items, key+"="+values[key]())
	}
	return strings.Join(items, ",")
}

func TestConfig_RoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c, back atomicbreaker.Config
		if c.UnmarshalText([]byte(drawConfig(t))) != nil {
			require.Equal(t, atomicbreaker.Config{}, c)
			return
		}
		text, err := c.MarshalText()
		require.NoError(t, err)
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, c, back)
		require.True(t, c == back)
		require.Equal(t, string(text), back.String())
	})
}

// A value is in the range of its key if New takes the option.
func TestConfig_TheRangesAreThoseOfTheOptions(t *testing.T) {
	ints := rapid.OneOf(rapid.IntRange(-2, 300), rapid.IntRange(65_000, 66_000), rapid.Int())
	durations := rapid.Map(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2, 2)), func(n int64) time.Duration { return time.Duration(n) })
	floats := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1, 2), rapid.SampledFrom([]float64{0, 1, math.Inf(1), math.Inf(-1), math.NaN()}))
	rapid.Check(t, func(t *rapid.T) {
		n, d, f := ints.Draw(t, "n"), durations.Draw(t, "d"), floats.Draw(t, "f")
		for text, opt := range map[string]atomicbreaker.Option{
			fmt.Sprintf("failures=%d", n):      atomicbreaker.WithFailureThreshold(n),
			fmt.Sprintf("probes=%d", n):        atomicbreaker.WithHalfOpenMaxCalls(n),
			fmt.Sprintf("successes=%d", n):     atomicbreaker.WithSuccessThreshold(n),
			fmt.Sprintf("recovery=%v", d):      atomicbreaker.WithRecoveryTimeout(d),
			fmt.Sprintf("probe-timeout=%v", d): atomicbreaker.WithProbeTimeout(d),
			fmt.Sprintf("slow=%v", d):          atomicbreaker.WithSlowThreshold(d),
			fmt.Sprintf("jitter=%v", f):        atomicbreaker.WithJitter(f),
		} {
			_, err := atomicbreaker.New("sink", opt)
			var c atomicbreaker.Config
			require.Equal(t, err == nil, c.UnmarshalText([]byte(text)) == nil, text)
		}
		// These two have conditions on other options as well.
		_, err := atomicbreaker.New("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithBackoff(d))
		var c atomicbreaker.Config
		require.Equal(t, err == nil, c.UnmarshalText([]byte(fmt.Sprintf("backoff=%v", d))) == nil)
		_, err = atomicbreaker.New("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithFailureRate(f))
		if err == nil || !(0 < f && f < 1) {
			require.Equal(t, err == nil, c.UnmarshalText([]byte(fmt.Sprintf("rate=%v", f))) == nil)
		}
	})
}

func TestConfig_JSON(t *testing.T) {
	type sinks struct {
		Loki, OTLP atomicbreaker.Config
		File       *atomicbreaker.Config           `json:",omitempty"`
		Others     map[string]atomicbreaker.Config `json:",omitzero"`
		Unset      atomicbreaker.Config            `json:",omitzero"`
	}
	const text = `{"Loki":"failures=7,recovery=45s","OTLP":"","File":"jitter=0.2","Others":{"a":"slow=1s"}}`
	var s sinks
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	require.Equal(t, parseConfig(t, "failures=7,recovery=45s"), s.Loki)
	require.Equal(t, parseConfig(t, "jitter=0.2"), *s.File)
	require.Equal(t, parseConfig(t, "slow=1s"), s.Others["a"])
	back, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, text, string(back))
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Loki":"failures=0"}`), &s), atomicbreaker.ErrConfig)
}

func TestConfig_Flag(t *testing.T) {
	var c atomicbreaker.Config
	flags := flag.NewFlagSet("program", flag.ContinueOnError)
	var said strings.Builder
	flags.SetOutput(&said)
	flags.TextVar(&c, "breaker", parseConfig(t, "failures=7"), "the breaker of Loki")
	flags.PrintDefaults()
	require.Contains(t, said.String(), "(default failures=7)")
	require.Equal(t, parseConfig(t, "failures=7"), c)
	require.NoError(t, flags.Parse([]string{"-breaker", "recovery=45s"}))
	require.Equal(t, parseConfig(t, "recovery=45s"), c)
	flags.SetOutput(io.Discard)
	err := flags.Parse([]string{"-breaker", "failures=0"})
	require.ErrorContains(t, err, `"failures=0": want 1..65535`)
}

func TestConfig_OfABreaker(t *testing.T) {
	for text, want := range map[string]string{
		"":         "failures=5,recovery=30s,jitter=0,probes=1,successes=1,probe-timeout=30s",
		"rate=0.1": "failures=100,rate=0.1,recovery=30s,jitter=0,probes=1,successes=1,probe-timeout=30s",
		"recovery=0,backoff=1h,jitter=0.5,slow=2s,dry-run=true,probe-timeout=0": "failures=5,recovery=0s,backoff=1h0m0s," +
			"jitter=0.5,probes=1,successes=1,probe-timeout=0s,slow=2s,dry-run=true",
	} {
		b := atomicbreaker.MustNew("sink", parseConfig(t, text).Options()...)
		require.Equal(t, want, b.Config().String(), text)
		require.Equal(t, parseConfig(t, want), b.Config(), text)
	}
	require.Panics(t, func() { new(atomicbreaker.Breaker).Config() })
}
