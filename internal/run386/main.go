// SPDX-License-Identifier: Apache-2.0

// Run386 does nothing. Built for GOARCH=386, it shows whether this host can run 32-bit programs,
// which many amd64 kernels no longer can.
package main

func main() {}
