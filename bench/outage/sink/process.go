// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Process is a sink that runs as a child process of the same binary. A goroutine could not be
// killed, and the demo needs connections that break in mid-answer and a port that nobody listens
// on.
type Process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // its end tells the sink to go
	Addr  string         // where it listens
}

// Start starts a sink that appends to the file at path, and waits until it takes records. With port
// 0 the sink chooses one. A sink that is started on its Addr replaces it.
func Start(addr, path string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, command, addr, path)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = attributes()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	p := &Process{cmd: cmd, stdin: stdin}
	alive.Store(p, nil)

	// A sink that neither answers nor ends must not hold the demo forever.
	impatience := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	impatience.Stop()
	where, announced := strings.CutPrefix(strings.TrimSpace(line), announces)
	if err != nil || !announced {
		p.Kill()
		return nil, fmt.Errorf("the sink did not start on %s", addr)
	}
	p.Addr = where
	return p, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// URL returns where the process takes records.
func (p *Process) URL() string { return "http://" + p.Addr + PushPath }

// ErrEnded is the error of Freeze if the process has ended.
var ErrEnded = errors.New("the sink process has ended")

// stopPatience bounds how long a process may take to stop. The kernel needs microseconds for it,
// but a thread stops only when it is next scheduled or returns from a system call.
const stopPatience = 10 * time.Second

// Freeze stops the process (SIGSTOP). Its connections stay open, and no answers come. The signal is
// asynchronous: a thread on another processor still answers for a while. Freeze returns when all
// threads have stopped. Resume continues the process.
func (p *Process) Freeze() error {
	if err := p.signal(stopSignal); err != nil {
		return err
	}
	return p.awaitStopped(stopPatience)
}

// awaitStopped waits until the process has stopped, at most for patience. After that its goroutine
// stays until the process ends.
func (p *Process) awaitStopped(patience time.Duration) error {
	stopped := make(chan error, 1)
	go func() { stopped <- awaitStopped(p.PID()) }()
	impatience := time.NewTimer(patience)
	defer impatience.Stop()
	select {
	case err := <-stopped:
		return err
	case <-impatience.C:
		return fmt.Errorf("sink process %d has not stopped within %v of SIGSTOP", p.PID(), patience)
	}
}

// Resume continues a frozen process (SIGCONT).
func (p *Process) Resume() error { return p.signal(continueSignal) }

func (p *Process) signal(s os.Signal) error {
	if s == nil {
		return fmt.Errorf("freeze a process: %w", errors.ErrUnsupported)
	}
	return p.cmd.Process.Signal(s)
}

// Kill kills the process (SIGKILL), even if it is frozen.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
	alive.Delete(p)
}

// Stop ends the process by closing its standard input, and kills it if that does not help. It first
// resumes a frozen process.
func (p *Process) Stop() {
	impatience := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer impatience.Stop()
	_ = p.Resume()
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
	alive.Delete(p)
}

// alive has every sink process that may be running.
var alive sync.Map

// Running returns how many sink processes may be running.
func Running() (n int) {
	alive.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}

// KillAll kills all sinks. A frozen one does not notice that its standard input has ended.
func KillAll() {
	alive.Range(func(p, _ any) bool {
		_ = p.(*Process).cmd.Process.Kill()
		return true
	})
}
