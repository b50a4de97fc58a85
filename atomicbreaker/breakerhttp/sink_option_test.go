// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

func TestSink_Gzip(t *testing.T) {
	client, requests := keep(answer(200, ""))
	s := breakerhttp.NewSink(client, push, breakerhttp.WithGzip(), breakerhttp.WithHeader("Content-Type", "text/plain"))
	for i := range 3 {
		lines := strings.Repeat("line\n", 1000*i+1)
		_, err := s.Write([]byte(lines))
		require.NoError(t, err)
		r := (*requests)[i]
		require.Equal(t, "gzip", r.header.Get("Content-Encoding"))
		require.Equal(t, "text/plain", r.header.Get("Content-Type"))
		z, err := gzip.NewReader(strings.NewReader(r.body))
		require.NoError(t, err)
		text, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, lines, string(text))
	}
}

// The credentials of the URL are sent nevertheless.
func TestSink_BasicAuthentication(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "user" || password != "secret" || r.URL.RawQuery != "token" {
			w.WriteHeader(401)
		}
	})
	_, err := breakerhttp.NewSink(nil, strings.Replace(s.URL, "//", "//user:secret@", 1)+"/?token").Write([]byte("a\n"))
	require.NoError(t, err)
}

// A request that has failed may still be read. It does not see what the caller then writes into p.
func TestSink_KeepsNothingOfAWrite(t *testing.T) {
	same := func(lines []byte) ([]byte, string, error) { return lines, "text/plain", nil }
	for name, opt := range map[string]breakerhttp.SinkOption{
		"NDJSON": breakerhttp.NDJSON(), "an encoder": breakerhttp.WithEncoder(same),
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader
			s := breakerhttp.NewSink(&http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
				body = r.Body
				return nil, errDown
			})}, push, opt)
			p := []byte("a\nb\n")
			_, err := s.Write(p)
			require.ErrorIs(t, err, errDown)
			copy(p, "xxxx")
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			require.Equal(t, "a\nb\n", string(text))
			require.Equal(t, "xxxx", string(p))
		})
	}
}

// An encoder that fails is a record error, and nothing is sent.
func TestSink_EncoderFails(t *testing.T) {
	client, requests := keep(answer(200, ""))
	s := breakerhttp.NewSink(client, push, breakerhttp.WithEncoder(func([]byte) ([]byte, string, error) { return nil, "", errDown }))
	n, err := s.Write([]byte("a\n"))
	require.Zero(t, n)
	require.ErrorIs(t, err, errDown)
	require.EqualError(t, err, "breakerhttp: encode: down")
	require.True(t, breakerhttp.IsRecordError(err))
	require.Empty(t, *requests)
}

func TestNewSink_Panics(t *testing.T) {
	loki := func(labels map[string]string) []breakerhttp.SinkOption {
		return []breakerhttp.SinkOption{breakerhttp.Loki(labels)}
	}
	for text, test := range map[string]struct {
		url  string
		opts []breakerhttp.SinkOption
	}{
		"a URL of 25 bytes: not valid; want an absolute http or https URL":               {url: "http://user:secret/@host/"},
		`URL "": want an absolute http or https URL`:                                     {},
		`URL "ftp://host/push": want an absolute http or https URL`:                      {url: "ftp://user:secret@host/push?secret"},
		`URL "/push": want an absolute http or https URL`:                                {url: "/push"},
		`WithHeader("a b", ...): want letters, digits and -`:                             {push, []breakerhttp.SinkOption{breakerhttp.WithHeader("a b", "secret")}},
		`WithHeader("", ...): want letters, digits and -`:                                {push, []breakerhttp.SinkOption{breakerhttp.WithHeader("", "secret")}},
		`WithHeader("a", ...): the value contains a control character`:                   {push, []breakerhttp.SinkOption{breakerhttp.WithHeader("a", "secret\n")}},
		`WithEncoder(nil): want a function`:                                              {push, []breakerhttp.SinkOption{breakerhttp.WithEncoder(nil)}},
		`WithMaxRetryAfter(-1s): want more than 0`:                                       {push, []breakerhttp.SinkOption{breakerhttp.WithMaxRetryAfter(-time.Second)}},
		`Loki(map[]): want at least one label`:                                           {push, loki(nil)},
		`label "": want letters, digits and _, and no digit first`:                       {push, loki(map[string]string{"": "a"})},
		`label "1a": want letters, digits and _, and no digit first`:                     {push, loki(map[string]string{"1a": "a"})},
		`label "a-b": want letters, digits and _, and no digit first`:                    {push, loki(map[string]string{"a-b": "a"})},
		`WithEncoder(nil): want a function; URL "x": want an absolute http or https URL`: {"x", []breakerhttp.SinkOption{breakerhttp.WithEncoder(nil)}},
	} {
		require.PanicsWithValue(t, "breakerhttp: NewSink: "+text, func() { breakerhttp.NewSink(nil, test.url, test.opts...) })
	}
}
