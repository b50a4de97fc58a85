// SPDX-License-Identifier: Apache-2.0

package adapters

import (
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Breakerslog is a breakerslog.Handler around a JSON handler.
var Breakerslog = scenario.Subject{Name: "breakerslog", Loops: scenario.Loops{
	scenario.LogRecord: func() scenario.Loop {
		b := atomic.New(scenario.UsualScene)
		return scenario.HandleLoop(
			breakerslog.NewHandler(b, scenario.NewJSON(), scenario.NewJSON()))
	},
}}
