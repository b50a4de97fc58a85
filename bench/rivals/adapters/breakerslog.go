// SPDX-License-Identifier: Apache-2.0

package adapters

import (
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Breakerslog has the slog adapter around its handler.
var Breakerslog = scenario.Subject{Name: "breakerslog", Loops: scenario.Loops{
	scenario.LogRecord: func() scenario.Loop {
		return scenario.HandleLoop(breakerslog.NewHandler(atomic.New(scenario.UsualScene), scenario.NewJSON(), scenario.NewJSON()))
	},
}}
