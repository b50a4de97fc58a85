// SPDX-License-Identifier: Apache-2.0

// Package explore runs a few threads in every order of their accesses to shared memory. It knows nothing
// of what the threads do; the tests of package atomicbreaker explore breakers with it.
//
// A [Scheduler] decides before each access which thread moves next. [Uint64], [Uint32] and [Pointer]
// stand in for atomics: one thread runs at a time, so their values are plain, and each access is a
// point at which the scheduler may switch. A [Clock] is virtual time: it stands still until the scheduler
// fires a timer.
//
// Most interleavings lead to a state that an earlier one has reached, and from there on they are equal.
// With [Scheduler.Shared] set, a run that reaches such a state ends and stands for as many
// interleavings as the state has futures.
package explore

import "math/bits"

// Mix adds v to the hash h. It loses neither order nor zeros.
func Mix(h, v uint64) uint64 {
	h = (bits.RotateLeft64(h, 25) ^ (v+1)*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	return h ^ h>>32
}
