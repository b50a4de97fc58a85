// SPDX-License-Identifier: Apache-2.0

package scenario

import "sync"

// Spread runs n iterations of loop in total on g goroutines. Each goroutine gets its share at once:
// handing out iterations one by one, or in batches, would cost more than some of the bodies. The
// goroutines start together, after ready is called, and Spread returns after the last of them.
func Spread(loop Loop, n, g int, ready func()) {
	if g == 1 {
		ready()
		loop(n)
		return
	}
	gate := make(chan struct{})
	var done sync.WaitGroup
	for i := range g {
		share := n / g
		if i < n%g {
			share++
		}
		done.Go(func() {
			<-gate
			loop(share)
		})
	}
	ready()
	close(gate)
	done.Wait()
}
