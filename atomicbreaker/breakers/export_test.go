// SPDX-License-Identifier: Apache-2.0

package breakers

// MaxRetained is the number of names that a registry keeps.
const MaxRetained = maxRetained

// Registered returns how many breakers r holds, including those that were dropped and whose cleanup
// has not run.
func Registered(r *Registry) int { return len(r.list()) }
