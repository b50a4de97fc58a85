// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin && !freebsd && !dragonfly && !windows

package breakerspool

// freeBytes is not known on this system, and [WithMinFree] has no effect.
func freeBytes(string) (int64, bool) { return 0, false }
