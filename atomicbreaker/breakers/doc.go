// SPDX-License-Identifier: Apache-2.0

// Package breakers knows which breakers a program has, for metrics, pages and operators.
//
//	b := breakers.Default.MustNew("loki")
//	w := breakerio.NewWriter(b, loki, file)
//	err := breakers.Default.Attach(b, w)
//
// A [Registry] makes breakers in place of [atomicbreaker.New]. For each it keeps what a breaker
// itself does not: since when it is in its state, the last error, the number of transitions of each
// kind, the last 32 of them, and the time during which it was not closed. With [Registry.Attach],
// it also shows what a Writer, a Batcher or a spool has counted.
//
// # Reading
//
//   - [Registry.All], [Registry.Lookup] and [Registry.ByID] return an [Entry] for each breaker. Use
//     them for a page, a health check, or a command that trips a breaker.
//   - [Registry.Totals] returns the sums by name. Use it for metrics: equal names are one series,
//     and no counter decreases when a breaker is dropped.
//
// Reading takes no lock that a call of a breaker needs. The order of the breakers is that in which
// they were made.
//
// # One breaker for each key
//
// A [Group] keeps a breaker for each worker, tenant or endpoint:
//
//	tenants := breakers.NewGroup(breakers.Default, 4096, func(tenant string) []atomicbreaker.Option {
//		return limits[tenant].Options()
//	}, breakers.WithGroupName("tenants"))
//	b := tenants.Get(tenant) // once; keep the pointer
//
// Its size is bounded, whatever keys arrive. In Totals a group is one name. Each breaker must see
// its own failures, so a group detects an outage of a sink that all keys share later than one
// breaker does.
//
// # What it costs
//
// A call of a registered breaker costs the same as of any other. A transition also updates the
// counts. A registered breaker takes at most 400 bytes more than another one until its first
// transition, and then up to 4 KB, most of it for its history. Totals and All read each breaker and
// each part; an Entry also copies the history.
//
// # What it keeps
//
// A registry keeps nothing in memory that the program has dropped: neither breakers nor parts. It
// refers to them weakly, and a breaker refers to its own entry. A breaker that the program has
// dropped is still shown until the garbage collector has found it. Then only the numbers of its
// Total remain.
//
// The registry sees transitions in a hook, which runs after the breaker has changed: see [Entry].
// Transitions made by a breaker of [atomicbreaker.New] are unknown to it.
package breakers
