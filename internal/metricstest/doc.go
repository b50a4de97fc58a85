// SPDX-License-Identifier: Apache-2.0

// Package metricstest tests that breakerprom and breakerotel export the same metrics. It is a module
// of its own, so that neither of the two requires the other.
package metricstest
