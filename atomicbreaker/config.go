// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"errors"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Config is a configuration in a file, a flag or an environment variable. Its text form is a list
// of keys with values:
//
//	failures=7,recovery=45s,backoff=5m,jitter=0.2
//
// Each key stands for an option and has its range:
//
//	failures       WithFailureThreshold
//	rate           WithFailureRate
//	recovery       WithRecoveryTimeout
//	backoff        WithBackoff
//	jitter         WithJitter
//	probes         WithHalfOpenMaxCalls
//	successes      WithSuccessThreshold
//	probe-timeout  WithProbeTimeout
//	slow           WithSlowThreshold
//	dry-run        WithDryRun: true, or false for no option
//
// Durations have the form of [time.ParseDuration]. A Config holds only the keys that were given, so
// a value of 0 differs from a missing key, and the zero Config sets nothing. Pass its options to
// [New], after those with the program's own defaults:
//
//	b, err := atomicbreaker.New("loki", append(defaults, c.Options()...)...)
//
// A Config is a text to packages that know [encoding.TextUnmarshaler], such as encoding/json, flag,
// and most packages that read YAML or the environment. Two Configs are equal under == if they have
// the same keys and values.
type Config struct {
	given uint16 // a bit for each of settings

	failures, probes, successes           int
	rate, jitter                          float64
	recovery, backoff, probeTimeout, slow time.Duration
	dryRun                                bool
}

// setting is one key.
type setting struct {
	key    string
	want   string                         // the range
	set    func(c *Config, s string) bool // sets the value, and reports whether it is good
	text   func(c *Config) string
	option func(c *Config) Option // nil: the value is that of no option
}

// settings lists all keys, in the order of the text form.
var settings = [...]setting{
	count("failures", word.MaxFailures, func(c *Config) *int { return &c.failures }, WithFailureThreshold),
	fraction("rate", "more than 0 and less than 1", func(rate float64) bool { return 0 < rate && rate < 1 },
		func(c *Config) *float64 { return &c.rate }, WithFailureRate),
	duration("recovery", 0, func(c *Config) *time.Duration { return &c.recovery }, WithRecoveryTimeout),
	duration("backoff", 1, func(c *Config) *time.Duration { return &c.backoff }, WithBackoff),
	fraction("jitter", "0 or more, and finite", func(j float64) bool { return 0 <= j && j <= math.MaxFloat64 },
		func(c *Config) *float64 { return &c.jitter }, WithJitter),
	count("probes", word.MaxCalls, func(c *Config) *int { return &c.probes }, WithHalfOpenMaxCalls),
	count("successes", word.MaxSuccesses, func(c *Config) *int { return &c.successes }, WithSuccessThreshold),
	duration("probe-timeout", 0, func(c *Config) *time.Duration { return &c.probeTimeout }, WithProbeTimeout),
	duration("slow", 1, func(c *Config) *time.Duration { return &c.slow }, WithSlowThreshold),
	{
		key: "dry-run", want: "true or false",
		set: func(c *Config, s string) bool {
			c.dryRun = s == "true"
			return c.dryRun || s == "false"
		},
		text: func(c *Config) string { return strconv.FormatBool(c.dryRun) },
		option: func(c *Config) Option {
			if c.dryRun {
				return WithDryRun()
			}
			return nil
		},
	},
}

func count(key string, most int, field func(*Config) *int, option func(int) Option) setting {
	return setting{
		key: key, want: "1.." + strconv.Itoa(most),
		set: func(c *Config, s string) bool {
			n, err := strconv.Atoi(s)
			*field(c) = n
			return err == nil && 1 <= n && n <= most
		},
		text:   func(c *Config) string { return strconv.Itoa(*field(c)) },
		option: func(c *Config) Option { return option(*field(c)) },
	}
}

func fraction(
	key, want string, good func(float64) bool, field func(*Config) *float64, option func(float64) Option,
) setting {
	return setting{
		key: key, want: want,
		set: func(c *Config, s string) bool {
			f, err := strconv.ParseFloat(s, 64)
			*field(c) = f
			return err == nil && good(f)
		},
		text:   func(c *Config) string { return strconv.FormatFloat(*field(c), 'g', -1, 64) },
		option: func(c *Config) Option { return option(*field(c)) },
	}
}

func duration(
	key string, least time.Duration, field func(*Config) *time.Duration, option func(time.Duration) Option,
) setting {
	want := "a duration of 0 or more, such as 45s"
	if least > 0 {
		want = "a duration of more than 0, such as 45s"
	}
	return setting{
		key: key, want: want,
		set: func(c *Config, s string) bool {
			d, err := time.ParseDuration(s)
			*field(c) = d
			return err == nil && d >= least
		},
		text:   func(c *Config) string { return field(c).String() },
		option: func(c *Config) Option { return option(*field(c)) },
	}
}

// has reports whether key i was given.
func (c *Config) has(i int) bool { return c.given&(1<<i) != 0 }

// UnmarshalText implements [encoding.TextUnmarshaler]. It replaces all of c. Spaces around keys and
// values have no meaning, and an empty text is the zero Config.
//
// If the text is bad, UnmarshalText leaves c unchanged. It returns an error that matches [ErrConfig]
// and names each bad key with its value and range. Conditions on more than one key, such as that of
// [WithBackoff] on the recovery timeout, are checked by [New].
func (c *Config) UnmarshalText(text []byte) error {
	var read Config
	var errs []error
	if s := strings.TrimSpace(string(text)); s != "" {
		for item := range strings.SplitSeq(s, ",") {
			if err := read.parse(strings.TrimSpace(item)); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	*c = read
	return nil
}

// parse reads one key with its value.
func (c *Config) parse(item string) error {
	key, value, ok := strings.Cut(item, "=")
	if !ok {
		return badOption("%q: want key=value", item)
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	for i := range settings {
		s := &settings[i]
		switch {
		case s.key != key:
			continue
		case c.has(i):
			return badOption("%q: want %s only once", item, key)
		case !s.set(c, value):
			return badOption("%q: want %s", item, s.want)
		}
		c.given |= 1 << i
		return nil
	}
	keys := make([]string, 0, len(settings))
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	return badOption("%q: want a key of %s", item, strings.Join(keys, ", "))
}

// All returns the keys that were given, in the order of the table above, with their values.
func (c Config) All() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for i := range settings {
			if c.has(i) && !yield(settings[i].key, settings[i].text(&c)) {
				return
			}
		}
	}
}

// String returns the text form. The order of the keys is that of the table above.
func (c Config) String() string {
	var b strings.Builder
	for key, value := range c.All() {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(key + "=" + value)
	}
	return b.String()
}

// MarshalText implements [encoding.TextMarshaler] with the text that String returns. It returns no
// error.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Options returns an option for each key that was given.
func (c Config) Options() (opts []Option) {
	for i := range settings {
		if c.has(i) {
			if opt := settings[i].option(&c); opt != nil {
				opts = append(opts, opt)
			}
		}
	}
	return opts
}

// Config returns the configuration of b, including the defaults. Keys of options that are off are
// missing, and so are functions such as classifiers and hooks. The rate is the share of failures at
// which the weights of [WithFailureRate] balance, rounded as far as that leads to the same weights.
// Config is for pages and logs, not for each call.
func (b *Breaker) Config() Config {
	b.mustBeMade()
	t := &b.timing
	threshold := int(b.params.FailureLimit / b.params.FailureWeight)
	c := Config{
		failures: threshold, rate: rateOf(&b.params, threshold),
		recovery: t.recovery, backoff: t.backoff, jitter: t.jitter,
		probes: int(b.params.MaxCalls), successes: int(b.params.SuccessThreshold),
		probeTimeout: t.probe, slow: t.slow, dryRun: b.dryRun(),
	}
	for i, s := range settings {
		off := !s.set(new(Config), s.text(&c)) || s.option(&c) == nil
		if !off {
			c.given |= 1 << i
		}
	}
	return c
}

// rateOf returns the shortest rate that leads to the weights of p, as far as rounding their share
// finds one, and otherwise the share. It returns 0 if p counts consecutive failures.
func rateOf(p *word.Params, threshold int) float64 {
	w := weights{int(p.FailureWeight), int(p.SuccessWeight)}
	if w.success == word.MaxFailures {
		return 0
	}
	for digits := 1; digits <= 17; digits++ {
		rate, _ := strconv.ParseFloat(strconv.FormatFloat(w.share(), 'g', digits, 64), 64)
		if 0 < rate && rate < 1 {
			c := config{failureRate: rate, failureThreshold: threshold}
			if q := c.newParams(); len(c.errs) == 0 && q.FailureWeight == p.FailureWeight && q.SuccessWeight == p.SuccessWeight {
				return rate
			}
		}
	}
	return w.share()
}
