// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker

// spawn runs f on a goroutine of its own. It is the package's only go statement; with the build tag
// explore, spawn_explore.go makes the goroutine a thread of the explorer.
func spawn(f func()) { go f() }
