// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

// newGoroutines is newScheduler with threads that may call runtime.Goexit, as a coroutine of iter.Pull
// may not: it would end the scheduler with it. Each run of a thread is a goroutine of its own, and only
// one of them runs at a time. To change threads costs some ten times as much.
func newGoroutines(n int) *scheduler {
	s := &scheduler{}
	for range n {
		th := &thread{done: true, stop: func() {}}
		turn, over := make(chan struct{}), make(chan struct{})
		th.pause = func(struct{}) bool {
			over <- struct{}{}
			<-turn
			return true
		}
		running := false
		th.resume = func() (struct{}, bool) {
			if running {
				turn <- struct{}{}
			} else {
				running = true
				go func() {
					defer func() {
						running, th.done = false, true
						over <- struct{}{}
					}()
					th.run()
				}()
			}
			<-over
			return struct{}{}, true
		}
		s.threads = append(s.threads, th)
	}
	return s
}
