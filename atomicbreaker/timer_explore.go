// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"time"
	"weak"

	"github.com/sinkguard/go-atomicbreaker/internal/explore"
)

// clock reads virtual time. The zero clock stands still and starts no timers, for programs that
// post the events of time themselves.
type clock struct{ virtual *explore.Clock }

// epoch is where virtual time starts.
var epoch = time.Unix(0, 0)

func (c clock) now() time.Time {
	if c.virtual == nil {
		return epoch
	}
	return epoch.Add(c.virtual.Read())
}

// armedTimer is what a timer carries.
type armedTimer struct {
	period *periodTimer
	owner  weak.Pointer[Breaker]
}

func (c clock) start(t *periodTimer, d time.Duration, owner weak.Pointer[Breaker]) *runtimeTimer {
	if c.virtual == nil {
		return &runtimeTimer{}
	}
	hash := uint64(t.event.Generation)<<8 | uint64(t.event.Successes)
	return c.virtual.Start(d, hash, armedTimer{t, owner})
}
