// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// record is a record of 200 bytes, as from slog's JSON handler.
var record = []byte(`{"time":"2026-11-27T10:00:00.123456789Z","level":"INFO","msg":"request served","method":"GET",` +
	`"path":"/api/v1/orders/4711","status":200,"duration":1234567,"trace":"4bf92f3577b34da6a3ce929d0e0e","user":77}` + "\n")

// BenchmarkChain measures the recipe of the package's documentation: one record of 200 bytes into a
// Batcher, until the server, in the same process, has acknowledged all of them.
func BenchmarkChain(b *testing.B) {
	for name, opts := range map[string][]breakerhttp.SinkOption{
		"plain": nil, "gzip": {breakerhttp.WithGzip()},
	} {
		b.Run(name, func(b *testing.B) {
			s := serve(b, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusNoContent)
			})
			sink := breakerhttp.NewSink(nil, s.URL, append(opts, breakerhttp.Loki(map[string]string{"service_name": "shop"},
				breakerhttp.WithLineTime(breakerhttp.JSONTime("time"))))...)
			w := breakerio.NewWriter(atomicbreaker.MustNew("loki"), sink, io.Discard)
			batcher := breakerio.NewBatcher(w, breakerio.WithBatchBytes(1<<20), breakerio.WithMaxBytes(64<<20))
			for b.Loop() {
				if _, err := batcher.Write(record); err != nil {
					b.Fatal(err)
				}
				for batcher.Stats().Waiting > 60<<20 { // the sink is the limit: measure it, and not the fallback
					require.NoError(b, batcher.Sync())
				}
			}
			require.NoError(b, batcher.Sync())
			require.Zero(b, w.Stats())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkSink measures one write of a batch of 1 MiB, without a network.
func BenchmarkSink(b *testing.B) {
	batch := bytes.Repeat(record, 1<<20/len(record))
	sink := breakerhttp.NewSink(&http.Client{Transport: answer(204, "")}, push, breakerhttp.Loki(
		map[string]string{"service_name": "shop"}, breakerhttp.WithLineTime(breakerhttp.JSONTime("time"))))
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		_, err := sink.Write(batch)
		require.NoError(b, err)
	}
}
