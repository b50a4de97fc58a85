// SPDX-License-Identifier: Apache-2.0

package breakerspool

import "github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"

// Backlog returns the counts of [Spool.Stats] in the form that package breakers knows. Attach the
// spool to its breaker there, and metrics and pages show it.
func (s *Spool) Backlog() guard.Backlog { return guard.Backlog(s.Stats()) }
