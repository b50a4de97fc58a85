// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// A batch that is too large is sent in two halves, and n is what the server holds.
func TestSink_TooLarge(t *testing.T) {
	for name, test := range map[string]struct {
		p     string
		limit int // of a body
		sent  []string
		taken string
	}{
		"fits":                       {"a\nb\nc\n", 6, []string{"a\nb\nc\n"}, "a\nb\nc\n"},
		"in halves":                  {"a\nb\nc\nd\n", 4, []string{"a\nb\nc\nd\n", "a\nb\n", "c\nd\n"}, "a\nb\nc\nd\n"},
		"not halved again":           {"a\nb\nc\nd\n", 2, []string{"a\nb\nc\nd\n", "a\nb\n"}, ""},
		"the second half is refused": {"a\nb\ncccccc\n", 6, []string{"a\nb\ncccccc\n", "a\nb\n", "cccccc\n"}, "a\nb\n"},
		"the first half is refused":  {"aaaaaaa\nb\n", 6, []string{"aaaaaaa\nb\n", "aaaaaaa\n"}, ""},
		"a single line":              {"aaaaaaa\n", 6, []string{"aaaaaaa\n"}, ""},
		"no newline":                 {"aaaaaaaa", 6, []string{"aaaaaaaa\n"}, ""},
		"two, the last one open":     {"aaa\nbbb", 5, []string{"aaa\nbbb\n", "aaa\n", "bbb\n"}, "aaa\nbbb"},
		"a long first line":          {"aaaaaa\nb\nc\n", 7, []string{"aaaaaa\nb\nc\n", "aaaaaa\n", "b\nc\n"}, "aaaaaa\nb\nc\n"},
		"a long last line":           {"a\nb\ncccccc", 7, []string{"a\nb\ncccccc\n", "a\nb\n", "cccccc\n"}, "a\nb\ncccccc"},
	} {
		t.Run(name, func(t *testing.T) {
			client, requests := keep(answer(204, ""))
			base := client.Transport
			client.Transport = baseFunc(func(r *http.Request) (*http.Response, error) {
				size := r.ContentLength
				_, _ = base.RoundTrip(r)
				if int(size) > test.limit {
					return answer(413, "too large")(r)
				}
				return answer(204, "")(r)
			})
			*requests = nil
			n, err := breakerhttp.NewSink(client, push).Write([]byte(test.p))
			var sent []string
			for _, r := range *requests {
				sent = append(sent, r.body)
			}
			require.Equal(t, test.sent, sent)
			require.Equal(t, test.taken, test.p[:n])
			require.Equal(t, n < len(test.p), err != nil)
			if err != nil {
				require.True(t, breakerhttp.IsRecordError(err))
			}
		})
	}
}

// Whatever the server answers, p[:n] is exactly what it holds.
func TestSink_TakenIsWhatTheServerHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.SampledFrom([]byte("ab\n\n")), 1, 40).Draw(t, "p")
		var held []byte
		client := &http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			status := rapid.SampledFrom([]int{200, 204, 413, 413, 413, 400, 503, 0}).Draw(t, "status")
			if status == 0 {
				return nil, errDown
			}
			if status < 300 {
				held = append(held, body...)
			}
			return answer(status, "")(r.Clone(r.Context()))
		})}
		n, err := breakerhttp.NewSink(client, push).Write(p)
		if n == len(p) && p[n-1] != '\n' {
			held = bytes.TrimSuffix(held, []byte("\n"))
		}
		require.Equal(t, string(p[:n]), string(held))
		require.Equal(t, n < len(p), err != nil)
		require.True(t, n == 0 || n == len(p) || p[n-1] == '\n', "a torn line")
	})
}

// Under a Writer, the lines that the server holds are not in the fallback as well.
func TestSink_HalfTakenUnderAWriter(t *testing.T) {
	var stored, file bytes.Buffer
	client := &http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		if len(body) > 8 {
			return answer(413, "")(r.Clone(r.Context()))
		}
		stored.Write(body)
		return answer(204, "")(r.Clone(r.Context()))
	})}
	b, j := newBreaker()
	w := breakerio.NewWriter(b, breakerhttp.NewSink(client, push), &file, breakerio.WithRecordErrors(breakerhttp.IsRecordError))
	_, err := w.Write([]byte("a\nb\ncccccccc\n"))
	require.NoError(t, err)
	_, err = w.Write([]byte("d\n"))
	require.NoError(t, err)
	require.Equal(t, "a\nb\nd\n", stored.String())
	require.Equal(t, "cccccccc\n", file.String())
	require.Equal(t, breakerio.Stats{Fallback: 1, RecordErrors: 1, Torn: 1}, w.Stats())
	require.Empty(t, *j, "a record error voted")
}
