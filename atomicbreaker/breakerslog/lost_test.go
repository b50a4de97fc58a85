// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

// The function of WithOnLost gets its own copy of the record and may add attributes.
func TestHandler_ClonesTheLostRecord(t *testing.T) {
	var got bytes.Buffer
	lost := breakerslog.WithOnLost(func(ctx context.Context, r slog.Record, _ error) {
		r.AddAttrs(slog.Bool("lost", true))
		require.NoError(t, slog.NewTextHandler(&got, nil).Handle(ctx, r))
	})
	for n := range 16 { // some records have spare capacity, which copies share
		var r slog.Record
		for i := range n {
			r.AddAttrs(slog.Int("k", i))
		}
		h := breakerslog.NewHandler(breaker(), adder{slog.DiscardHandler, "primary's", errDown}, nil, lost)
		require.ErrorIs(t, h.Handle(t.Context(), r), errDown)
	}
	require.NotContains(t, got.String(), "BUG")
	require.NotContains(t, got.String(), "primary's")
}
