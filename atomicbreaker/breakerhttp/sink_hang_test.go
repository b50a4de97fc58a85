// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

// A server that hangs costs a Write its timeout. With halves, too, Write takes no longer than that.
func TestSink_HangsInTheHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for timeout, client := range map[time.Duration]*http.Client{10 * time.Second: {}, time.Second: {Timeout: time.Second}} {
			requests := 0
			client.Transport = baseFunc(func(r *http.Request) (*http.Response, error) {
				if requests++; requests%3 == 1 {
					time.Sleep(timeout / 2)
					return answer(413, "")(r)
				}
				if requests%3 == 2 {
					return answer(200, "")(r)
				}
				<-r.Context().Done()
				return nil, context.Cause(r.Context())
			})
			start := time.Now()
			n, err := breakerhttp.NewSink(client, push).Write([]byte("a\nb\n"))
			require.Equal(t, timeout, time.Since(start))
			require.Equal(t, 2, n)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, context.Canceled)
			require.EqualError(t, err, fmt.Sprintf("breakerhttp: http://loki.test/push: timed out after %v: context deadline exceeded", timeout))
			require.False(t, breakerhttp.IsRecordError(err))
		}
	})
}

// untilDone is a body that starts with text and then hangs until the request's context ends.
type untilDone struct {
	ctx    context.Context
	text   io.Reader
	closed bool
}

func (u *untilDone) Read(p []byte) (int, error) {
	if n, err := u.text.Read(p); err == nil {
		return n, nil
	}
	<-u.ctx.Done()
	return 0, context.Cause(u.ctx)
}

func (u *untilDone) Close() error { u.closed = true; return nil }

// The status has been received, so a body that hangs costs a second at most and changes nothing.
func TestSink_HangsInTheBody(t *testing.T) {
	for _, status := range []int{200, 503} {
		synctest.Test(t, func(t *testing.T) {
			var body *untilDone
			s := breakerhttp.NewSink(&http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
				body = &untilDone{ctx: r.Context(), text: strings.NewReader("why")}
				return &http.Response{StatusCode: status, Body: body}, nil
			})}, push)
			start := time.Now()
			n, err := s.Write([]byte("a\n"))
			require.Equal(t, time.Second, time.Since(start))
			require.True(t, body.closed)
			if status == 200 {
				require.NoError(t, err)
				require.Equal(t, 2, n)
				return
			}
			require.Equal(t, &breakerhttp.StatusError{Status: 503, URL: "http://loki.test/push", Message: "why"}, err)
		})
	}
}
