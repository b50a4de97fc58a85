// SPDX-License-Identifier: Apache-2.0

//go:build !unix || aix

package sink

import (
	"errors"
	"os"
	"syscall"
)

// There is nothing here that freezes a process.
var stopSignal, continueSignal os.Signal

func attributes() *syscall.SysProcAttr { return nil }

func awaitStopped(int) error { return errors.ErrUnsupported }
