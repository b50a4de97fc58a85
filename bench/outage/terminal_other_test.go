// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

import "syscall"

// withTerminal is not called on a system without pseudo-terminals.
func withTerminal() *syscall.SysProcAttr { return nil }
