// SPDX-License-Identifier: Apache-2.0

// Package explore runs a few threads in every order of their accesses to shared memory. It does not
// depend on the code that the threads run. The tests of package atomicbreaker use it to explore
// breakers.
//
// A [Scheduler] decides before each access which thread moves next. [Uint64], [Uint32] and
// [Pointer] stand in for atomics: one thread runs at a time, so their values are plain, and each
// access is a point at which the scheduler may switch. A [Clock] is virtual time: it stands still
// until the scheduler fires a timer.
//
// Most interleavings reach a state that an earlier one has reached, and have the same futures from
// there on. With [Scheduler.Shared] set, a run ends when it reaches such a state, and counts as all
// the interleavings that continue from it.
package explore

import "math/bits"

// Mix adds v to the hash h. The result depends on the order of the values, and zeros count.
func Mix(h, v uint64) uint64 {
	h = (bits.RotateLeft64(h, 25) ^ (v+1)*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	return h ^ h>>32
}
