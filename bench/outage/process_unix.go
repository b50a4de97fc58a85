// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package main

import (
	"os"
	"syscall"
)

var stopSignal, continueSignal os.Signal = syscall.SIGSTOP, syscall.SIGCONT

func diesWithUs() *syscall.SysProcAttr { return nil }
