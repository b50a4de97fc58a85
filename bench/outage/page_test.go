// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
)

// TestPage asks the page for the breaker of a guard whose sink is down.
func TestPage(t *testing.T) {
	registry := breakers.NewRegistry()
	address, stop, err := servePage(registry)
	require.NoError(t, err)
	defer stop()
	g := newAtomicBreaker(parts{
		primary:  writerFunc(func([]byte) (int, error) { return 0, errSink }),
		fallback: writerFunc(func(p []byte) (int, error) { return len(p), nil }),
		breakers: registry,
		options:  new(settings).breakerOptions(),
		changed:  func(string, string) {},
		diverted: func(measure.Reason) {},
		timeout:  maxTimeout,
	})
	defer g.close()
	log := g.logger("slog", 1)
	for seq := range uint64(failureThreshold) {
		log(seq)
	}
	runtime.GC() // the registry alone does not keep the breaker

	answer, err := http.Get(address + "?format=json")
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	var shown struct {
		Breakers []struct {
			Name, State string
			Writes      struct{ Fallback int }
		}
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&shown))
	require.Len(t, shown.Breakers, 1)
	assert.Equal(t, "loki", shown.Breakers[0].Name)
	assert.Equal(t, "open", shown.Breakers[0].State)
	assert.Equal(t, failureThreshold, shown.Breakers[0].Writes.Fallback)
	runtime.KeepAlive(log)
}
