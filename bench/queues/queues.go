// SPDX-License-Identifier: Apache-2.0

// Package queues lists the queues on disk that benchmarks and ratios time.
package queues

import (
	"github.com/sinkguard/go-atomicbreaker/bench/queues/bbolt"
	"github.com/sinkguard/go-atomicbreaker/bench/queues/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/bench/queues/file"
	"github.com/sinkguard/go-atomicbreaker/bench/queues/tidwall"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// All lists all queues, in the order of the tables: ours, the others, the limit.
var All = []scenario.Queue{breakerspool.Queue, tidwall.Queue, bbolt.Queue, file.Queue}

// Subjects returns all queues with the loops that append.
func Subjects() []scenario.Subject {
	all := make([]scenario.Subject, len(All))
	for i, q := range All {
		all[i] = q.Subject()
	}
	return all
}
