// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import "syscall"

// withTerminal starts a process that has its standard input as its controlling terminal.
func withTerminal() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Setctty: true}
}
