// SPDX-License-Identifier: Apache-2.0

package guard

// Busy diverts a record that the sink has no room for. That begins no outage.
func (g *Guard[R]) Busy(r R, cause error) error { return g.divert(r, noOutage, cause) }

// CountLate counts a record that the sink may still take although the fallback has it.
func (g *Guard[R]) CountLate() { g.late.Add(1) }
