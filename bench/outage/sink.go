// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"
)

// This file is the inside of the sink process; process.go is the demo's handle on it.

const (
	sinkCommand   = "sink-process" // first argument: run as the sink instead of the demo
	sinkAnnounces = "listening "   // what the sink prints, followed by its address, once it takes records
	maxRecord     = 1 << 20
)

// sinkMain is the child process: it appends each record that is POSTed to the file at path, and acknowledges it then.
func sinkMain(addr, path string, stdin io.Reader, stdout io.Writer) error {
	signal.Ignore(os.Interrupt) // Ctrl-C reaches the whole process group; the parent still needs its sink
	file, err := openRecords(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return serveSink(addr, file, stdin, stdout)
}

// serveSink takes records until stdin ends. The parent holds the other end of that pipe, so the kernel ends it whichever way
// the parent goes, and no sink is left behind.
func serveSink(addr string, records io.Writer, stdin io.Reader, stdout io.Writer) error {
	listener, err := listen(addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: acknowledge(records), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		_ = server.Close()
	}()
	if _, err := fmt.Fprintf(stdout, "%s%s\n", sinkAnnounces, listener.Addr()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// acknowledge answers 204 after the record was written to w in one call, and anything else when it was not. What was
// written survives a SIGKILL, because it is the kernel's by then; nothing here guards against a power cut.
func acknowledge(w io.Writer) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.Error(rw, "POST one record", http.StatusMethodNotAllowed)
			return
		}
		record, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRecord))
		if err != nil { // cut off on the way: not a whole record
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		if n, err := w.Write(record); err != nil || n < len(record) {
			http.Error(rw, "the record was not stored", http.StatusServiceUnavailable)
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	})
}

// openRecords opens a file of one record a line for appending. O_APPEND makes every Write one atomic append, from
// any goroutine. A file that ends in the middle of a line, as a killed sink may leave it, gets its line ended
// first: the next record must not be glued to the torn one.
func openRecords(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := endLine(file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func endLine(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = io.WriteString(file, "\n")
	return err
}

// listen retries for a while: the port of a sink that was killed a moment ago may not be free yet.
func listen(addr string) (net.Listener, error) {
	deadline := time.Now().Add(3 * time.Second)
	for {
		listener, err := net.Listen("tcp", addr)
		if err == nil || strings.HasSuffix(addr, ":0") || time.Now().After(deadline) {
			return listener, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
