// SPDX-License-Identifier: Apache-2.0

// Run386 does nothing. Built for GOARCH=386 and run, it shows whether this host can run 32-bit programs: many kernels
// for amd64 no longer can.
package main

func main() {}
