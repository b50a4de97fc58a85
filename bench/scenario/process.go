// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
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
type processSink struct{ url string }

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

// A program that imports this package becomes the process of StartProcess if that started it.
func init() { sink.RunIfChild() }

// StartProcess returns the sink of the demo, in a process that this program's first call starts. It
// stores the lines in the null device: the disk is not measured. The process ends with its standard
// input, and so with this program.
var StartProcess = sync.OnceValue(func() processSink {
	process, err := sink.Start("127.0.0.1:0", os.DevNull)
	if err != nil {
		panic(err)
	}
	s := processSink{"http://" + process.Addr + sink.LinesPath}
	if _, err := s.Write([]byte("connected\n")); err != nil { // the harness sizes a slice by the first call
		panic(err)
	}
	return s
})
