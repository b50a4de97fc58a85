// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var stopSignal, continueSignal os.Signal = syscall.SIGSTOP, syscall.SIGCONT

// attributes keeps Ctrl-C from the sink, which reaches the whole process group of the demo. The
// kernel kills a sink whose parent was killed itself: a frozen one would stay forever.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStopped returns nil when every thread of a child process has stopped, and errSinkEnded when
// the process has ended. It leaves the exit status for Wait.
func awaitStopped(pid int) error {
	const cldStopped = 5 // siginfo's code for a child that has stopped
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("waitid", err)
		case info.Code != cldStopped:
			return ErrEnded
		default:
			return nil
		}
	}
}
