// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// The error of Shutdown names only the sides that are still closing.
func TestGuard_ShutdownNamesTheSideThatHangs(t *testing.T) {
	down := errors.New("down")
	for name, test := range map[string]struct {
		primaryHangs, fallbackHangs bool
		want                        string
	}{
		"none":     {false, false, "down\ndown"},
		"primary":  {true, false, `test: "sink": primary still closing: context canceled` + "\ndown"},
		"fallback": {false, true, "down\n" + `test: "sink": fallback still closing: context canceled`},
		"both":     {true, true, `test: "sink": primary and fallback still closing: context canceled`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guard.New(atomicbreaker.MustNew("sink"), guard.Options{Adapter: "test"},
					func(struct{}) (int, error) { return 0, nil }, nil)
				release := make(chan struct{})
				defer close(release)
				side := func(hangs bool) func() error {
					return func() error {
						if hangs {
							<-release
						}
						return down
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				require.EqualError(t, g.Shutdown(ctx, side(test.primaryHangs), side(test.fallbackHangs)), test.want)
			})
		})
	}
}

// Two sides that close promptly are closed even if the context has ended.
func TestGuard_ShutdownOfSidesThatCloseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a busy machine must not look like a side that hangs
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20_000 {
			g := guard.New(atomicbreaker.MustNew("sink"), guard.Options{Adapter: "test"},
				func(struct{}) (int, error) { return 0, nil }, nil)
			require.NoError(t, g.Shutdown(ctx, nothing, nothing))
		}
	})
}

// A Close that ends the goroutine has failed.
func TestGuard_ShutdownOfASideThatExits(t *testing.T) {
	exits := func() error { runtime.Goexit(); return nil }
	for name, sides := range map[string][2]func() error{"primary": {exits, nothing}, "fallback": {nothing, exits}} {
		t.Run(name, func(t *testing.T) {
			g := guard.New(atomicbreaker.MustNew("sink"), guard.Options{Adapter: "test"},
				func(struct{}) (int, error) { return 0, nil }, nil)
			require.EqualError(t, g.Shutdown(t.Context(), sides[0], sides[1]), "panicked or called runtime.Goexit")
		})
	}
}

func nothing() error { return nil }
