// SPDX-License-Identifier: Apache-2.0

package bench

import "sync"

// Spread runs loop n times in all on g goroutines, each its share in one piece: handing out turns one by one, or in
// batches, would cost more than some of the bodies. They start together, after
// ready is called; the last to end ends the measurement.
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
