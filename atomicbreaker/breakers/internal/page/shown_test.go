// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"disk full": "disk full",
		"why? because: 12:30 a@b.example issue#7":                      "why? because: 12:30 a@b.example issue#7",
		"dial tcp [::1]:4317: refused":                                 "dial tcp [::1]:4317: refused",
		`Post "https://h:3100/push?token=s3cret&x": EOF`:               `Post "https://h:3100/push?xxxxx": EOF`,
		`Post "https://h/a b?token=s3cret two": EOF`:                   `Post "https://h/a b?xxxxx": EOF`,
		`Get "/push?token=\"s3cret\"": EOF`:                            `Get "/push?xxxxx": EOF`,
		"POST /push?token=s3cret failed":                               "POST /push?xxxxx failed",
		"https://h/#access=s3cret failed":                              "https://h/#xxxxx failed",
		"https://user:s3cret@h:9/p failed":                             "https://xxxxx@h:9/p failed",
		"https://s3cret@h/p failed":                                    "https://xxxxx@h/p failed",
		"https://u:s3@cret@h/p failed":                                 "https://xxxxx@h/p failed",
		"https://u:s3/cret@h/p failed":                                 "https://xxxxx@h/p failed",
		"https://u:s3?cret@h/p failed":                                 "https://xxxxx?xxxxx failed",
		`parse "https://u:s3/cret@h/p": invalid port ":s3" after host`: `parse "https://xxxxx@h/p": invalid port "xxxxx" after host`,
		"user:s3cret@tcp(db:3306)/logs: refused":                       "xxxxx@tcp(db:3306)/logs: refused",
		"https://h/@scope/pkg: 404":                                    "https://h/@scope/pkg: 404",
		"https://h:8080/@scope: 404":                                   "https://h:8080/@scope: 404",
		"(see https://a/?s3cret) and https://u:s3cret@b":               "(see https://a/?xxxxx and https://xxxxx@b",
		"https://a,https://u:s3cret@b,https://c?s3cret":                "https://a,https://xxxxx@b,https://c?xxxxx",
		`said "no": https://h/?s3cret`:                                 `said "no": https://h/?xxxxx`,
		`unclosed "https://h/?s3cret and s3cret`:                       `unclosed "https://h/?xxxxx`,
		"":                                                             "",
	} {
		require.Equal(t, want, Shown(errors.New(text)))
		require.NotContains(t, Shown(errors.New(text)), "s3")
	}
	require.Empty(t, Shown(nil))
}

// Whatever a URL is made of, and however it is quoted, the secrets in it are not shown.
func TestShown_NoSecretOfAURL(t *testing.T) {
	const secret = "s3cret"
	padding := rapid.StringOf(rapid.SampledFrom([]rune("az09?&=#%/:@'\" \\é")))
	rapid.Check(t, func(t *rapid.T) {
		u := url.URL{
			Scheme: rapid.SampledFrom([]string{"http", "https", "redis", "nats+tls"}).Draw(t, "scheme"), Host: "host:3100",
			Path: "/" + rapid.StringMatching(`[a-z/]{0,8}`).Draw(t, "path"),
		}
		if rapid.Bool().Draw(t, "user") {
			u.User = url.UserPassword("user", padding.Draw(t, "before")+secret+padding.Draw(t, "after"))
		}
		if rapid.Bool().Draw(t, "query") {
			u.RawQuery = rapid.SampledFrom([]func(string) string{
				url.QueryEscape, func(s string) string { return s },
			}).Draw(t, "escaping")(padding.Draw(t, "query before")+secret+padding.Draw(t, "query after")) + "&x=1"
		}
		if rapid.Bool().Draw(t, "fragment") {
			u.Fragment = padding.Draw(t, "fragment before") + secret
		}
		err := error(&url.Error{Op: "Post", URL: u.String(), Err: errors.New("EOF")})
		if !strings.ContainsAny(u.String(), " \"") { // otherwise a reader cannot tell where it ends
			err = rapid.SampledFrom([]error{err, fmt.Errorf("push to %s: EOF", &u)}).Draw(t, "error")
		}
		if rapid.Bool().Draw(t, "wrapped") {
			err = fmt.Errorf("batch 7: %w", err)
		}
		shown := Shown(err)
		require.NotContains(t, shown, secret, err.Error())
		require.Contains(t, shown, u.Scheme+"://")
	})
}

func TestShown_IsBounded(t *testing.T) {
	require.Equal(t, strings.Repeat("x", maxError)+"… (5000 bytes)", Shown(errors.New(strings.Repeat("x", 5000))))
	require.LessOrEqual(t, len(Shown(errors.New(strings.Repeat("é", 1<<20)))), maxError+30)
	require.True(t, utf8.ValidString(Shown(errors.New("x"+strings.Repeat("é", 1<<20)))))
	long := "https://h/?" + strings.Repeat("token", maxRead)
	require.Equal(t, "https://h/?xxxxx", Shown(errors.New(long)))
}

// broken is an error whose method panics, as that of a nil pointer does.
type broken struct{}

func (*broken) Error() string { panic("broken") }

func TestShown_OfAnErrorThatPanics(t *testing.T) {
	require.Equal(t, "(the Error method of *page.broken panics)", Shown((*broken)(nil)))
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"loki é 語":         "loki é 語",
		"a\nb\r\x1b[31m":   `a\nb\r\x1b[31m`,
		"\u009b31m \u202e": `\u009b31m \u202e`,
		"\xff\ufffd":       "\\xff\ufffd",
	} {
		require.Equal(t, want, Visible(text))
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "string")
		for _, r := range Visible(s) {
			require.True(t, unicode.IsPrint(r), "%q", r)
		}
	})
}
