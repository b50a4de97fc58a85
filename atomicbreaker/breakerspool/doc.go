// SPDX-License-Identifier: Apache-2.0

// Package breakerspool is a queue of records on disk.
package breakerspool
