// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import "github.com/sinkguard/go-atomicbreaker/internal/explore"

// The stand-ins for atomic.go when all interleavings are explored.
type (
	cell           = explore.Uint64
	counter        = explore.Uint32
	pointer[T any] = explore.Pointer[T]
	runtimeTimer   = explore.Timer
)

func spawn(f func()) { explore.Spawn(f) }
