// SPDX-License-Identifier: Apache-2.0

package clients_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

// lokiClient speaks Loki's push API as an application does that has no library for it. Grafana's own
// Go client, loki-client-go, makes its http.Client itself, so no RoundTripper can be put into it.
type lokiClient struct {
	url    string
	client *http.Client
}

func (c *lokiClient) push(lines ...string) (status int, err error) {
	values := make([][2]string, len(lines))
	for i, line := range lines {
		values[i] = [2]string{strconv.FormatInt(time.Now().UnixNano()+int64(i), 10), line}
	}
	body, err := json.Marshal(map[string]any{"streams": []any{
		map[string]any{"stream": map[string]string{"job": "test"}, "values": values},
	}})
	if err != nil {
		return 0, err
	}
	resp, err := c.client.Post(c.url+"/loki/api/v1/push", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func TestLoki_Outage(t *testing.T) {
	s := newServer(t)
	var mu sync.Mutex
	var stored []string
	works := func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Streams []struct{ Values [][2]string }
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || r.URL.Path != "/loki/api/v1/push" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, v := range body.Streams[0].Values {
			stored = append(stored, v[1])
		}
		w.WriteHeader(http.StatusNoContent)
	}
	s.serve(works)
	b := atomicbreaker.MustNew("loki")
	c := &lokiClient{s.URL, &http.Client{Transport: breakerhttp.NewTransport(b, nil), Timeout: 10 * time.Second}}
	var accepted []string
	push := func(lines ...string) (int, error) {
		status, err := c.push(lines...)
		if status == http.StatusNoContent {
			accepted = append(accepted, lines...)
		}
		return status, err
	}
	for i := range 10 {
		_, err := push(fmt.Sprint(i), "second line")
		require.NoError(t, err)
	}

	s.answer(http.StatusTooManyRequests, "Retry-After", "60")
	status, err := push("refused")
	require.NoError(t, err)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, atomicbreaker.Open, b.State())
	s.serve(works)
	_, err = push("rejected")
	require.ErrorIs(t, err, atomicbreaker.ErrOpen)
	require.EqualValues(t, 11, s.requests.Load())

	b.Reset() // the minute is over
	_, err = push("back")
	require.NoError(t, err)
	require.Equal(t, accepted, stored)
	require.EqualValues(t, 1, s.connections.Load())
}
