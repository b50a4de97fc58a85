// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

// onSpawn starts f as a thread of the explorer. If it is nil, f runs on a real goroutine.
var onSpawn func(f func())

func spawn(f func()) {
	if onSpawn != nil {
		onSpawn(f)
		return
	}
	go f()
}
