// SPDX-License-Identifier: Apache-2.0

package breakers

import "github.com/sinkguard/go-atomicbreaker/atomicbreaker"

// MaxRetained is the number of names that a registry keeps.
const MaxRetained = maxRetained

// Registered returns how many breakers r holds, including those that were dropped and whose cleanup
// has not run.
func Registered(r *Registry) int { return len(r.list()) }

// Members returns the breakers of a group by key, without the shared one.
func Members[K comparable](g *Group[K]) map[K]*atomicbreaker.Breaker {
	g.mu.RLock()
	defer g.mu.RUnlock()
	members := make(map[K]*atomicbreaker.Breaker)
	for key, rec := range g.members {
		members[key] = rec.breaker
	}
	return members
}

// Searches reports whether Get of a new key would search the full group for a place.
func Searches[K comparable](g *Group[K]) bool {
	g.places.Lock()
	defer g.places.Unlock()
	return g.mayHaveVictim()
}

// Slots returns how many slots r has, without a sweep.
func Slots(r *Registry) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.slots)
}
