// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/view"
)

// quiet is a screen that nobody watches.
type quiet struct{}

func (quiet) Event(time.Duration, string) {}
func (quiet) Show(view.Status)            {}
func (quiet) Every() time.Duration        { return time.Hour }
func (quiet) Close()                      {}
