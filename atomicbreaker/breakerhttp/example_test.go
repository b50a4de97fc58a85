// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// The whole chain to Loki: logger → Batcher → Writer → Sink. While Loki is down, the records are in
// the file.
func Example_loki() {
	var down atomic.Bool
	var entries atomic.Int64
	loki := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		entries.Add(int64(bytes.Count(body, []byte(`["`))))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer loki.Close()
	var file strings.Builder

	sink := breakerhttp.NewSink(nil, loki.URL+"/loki/api/v1/push",
		breakerhttp.Loki(map[string]string{"service_name": "shop"},
			breakerhttp.WithLineTime(breakerhttp.JSONTime("time"))),
		breakerhttp.WithHeader("X-Scope-OrgID", "tenant"))
	b := atomicbreaker.MustNew("loki", atomicbreaker.WithRetryAfter(breakerhttp.RetryAfter))
	w := breakerio.NewWriter(b, sink, &file, breakerio.WithRecordErrors(breakerhttp.IsRecordError))
	batcher := breakerio.NewBatcher(w, breakerio.WithBatchBytes(1<<20), breakerio.WithMaxBytes(64<<20))
	logger := slog.New(slog.NewJSONHandler(batcher, nil))

	for i := range 1000 {
		logger.Info("record", "n", i)
	}
	_ = batcher.Sync() // so that the example knows what is where
	down.Store(true)
	for i := range 1000 {
		logger.Info("record", "n", i)
	}
	if err := batcher.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(entries.Load(), "records at Loki,", strings.Count(file.String(), "\n"), "in the file")
	fmt.Println("breaker", b.State(), "for", b.RetryAfter().Round(time.Minute/2))
	// Output:
	// 1000 records at Loki, 1000 in the file
	// breaker open for 30s
}

// A client that sends records itself, behind a breaker that opens at the second failure.
func ExampleTransport() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "overloaded", http.StatusInternalServerError)
	}))
	defer server.Close()

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	client := &http.Client{Transport: breakerhttp.NewTransport(b, nil), Timeout: 10 * time.Second}
	for range 3 {
		resp, err := client.Post(server.URL, "application/json", strings.NewReader(`{"n":1}`))
		if errors.Is(err, atomicbreaker.ErrRejected) {
			fmt.Println("rejected")
			continue
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode, strings.TrimSpace(string(text)))
	}
	// Output:
	// 500 overloaded
	// 500 overloaded
	// rejected
}

// Elasticsearch's bulk API wants a line before each document. It answers 200 even if it refused
// some of the documents, so read its answer if their loss matters.
func ExampleWithEncoder() {
	bulk := func(lines []byte) (body []byte, contentType string, err error) {
		for line := range bytes.Lines(lines) {
			body = append(body, `{"create":{}}`+"\n"...)
			body = append(body, line...)
		}
		return body, "application/x-ndjson", nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Print(string(body))
	}))
	defer server.Close()

	sink := breakerhttp.NewSink(nil, server.URL+"/logs/_bulk", breakerhttp.WithEncoder(bulk))
	if _, err := sink.Write([]byte(`{"n":1}` + "\n" + `{"n":2}` + "\n")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"create":{}}
	// {"n":1}
	// {"create":{}}
	// {"n":2}
}
