// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux && !aix

package sink

import (
	"errors"
	"os"
	"syscall"
)

var stopSignal, continueSignal os.Signal = syscall.SIGSTOP, syscall.SIGCONT

// attributes keeps Ctrl-C from the sink, which reaches the whole process group of the demo.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitStopped returns nil when a child process has stopped, and ErrEnded when it has ended.
// Then it has also taken the exit status, which wait4 cannot leave, and Wait returns an error.
func awaitStopped(pid int) error {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return os.NewSyscallError("wait4", err)
		case !status.Stopped():
			return ErrEnded
		default:
			return nil
		}
	}
}
