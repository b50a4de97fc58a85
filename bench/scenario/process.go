// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// SlogProcess is a log call, as in SlogDiscard, that goes in batches to a sink in another process,
// over HTTP. Each run of the loop ends when the sink has acknowledged everything.
const SlogProcess Scenario = "Batch/logger=slog/sink=process"

// ProcessLoop logs to w through slog, and calls flush at the end of each run.
//
//go:noinline
func ProcessLoop(w io.Writer, flush func()) Loop {
	logger := slog.New(slog.NewJSONHandler(w, nil))
	return func(n int) {
		for i := range n {
			logger.Info(Message, "shard", i&7, "took", time.Millisecond, "path", "/v1/push")
		}
		flush()
	}
}

// processSink posts each write to the process.
type processSink struct {
	url   string
	stdin io.Closer // keeps the process alive: the garbage collector closes unreferenced pipes
}

func (s processSink) Write(p []byte) (int, error) {
	resp, err := http.Post(s.url, "text/plain", bytes.NewReader(p))
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return 0, ErrSink
	}
	return len(p), nil
}

// asSink is an environment variable. If it is set, a program that imports this package becomes the
// process of StartProcess.
const asSink = "BENCH_SINK"

func init() {
	if os.Getenv(asSink) != "" {
		if err := serveProcess(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: sink:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// StartProcess returns the sink of this program's own process, which the first call starts. The
// process ends with its standard input.
var StartProcess = sync.OnceValue(func() processSink {
	sink, err := start()
	if err == nil {
		_, err = sink.Write(nil) // connects now: the harness sizes a slice by the first call
	}
	if err != nil {
		panic(err)
	}
	return sink
})

func start() (processSink, error) {
	self, err := os.Executable()
	if err != nil {
		return processSink{}, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asSink+"=1")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return processSink{}, err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return processSink{}, err
	}
	if err := cmd.Start(); err != nil {
		return processSink{}, err
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	return processSink{strings.TrimSpace(url), stdin}, err
}

func serveProcess(stdin io.Reader, stdout io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(handler)}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		_ = server.Close()
	}()
	if _, err := fmt.Fprintf(stdout, "http://%s/\n", listener.Addr()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
