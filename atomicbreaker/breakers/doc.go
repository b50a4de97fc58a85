// SPDX-License-Identifier: Apache-2.0

// Package breakers knows which breakers a program has.
package breakers
