// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"syscall"
)

var stopSignal, continueSignal os.Signal = syscall.SIGSTOP, syscall.SIGCONT

// diesWithUs has the kernel kill a sink whose parent was itself killed: a frozen one would stay for ever.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
