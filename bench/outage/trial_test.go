// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// quiet is a screen that nobody watches.
type quiet struct{}

func (quiet) event(time.Duration, string) {}
func (quiet) show(status)                 {}
func (quiet) every() time.Duration        { return time.Hour }
func (quiet) close()                      {}
