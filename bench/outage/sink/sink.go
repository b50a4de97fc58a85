// SPDX-License-Identifier: Apache-2.0

// Package sink has the sink of the demo, a child process that accepts records as Loki does, and the
// clients of it and of the user's own endpoints.
package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

// This file is the inside of the sink process; process.go is the demo's handle on it.

// LinesPath is where the sink takes plain lines, at most 1 MiB at once. It stores them as they are.
const LinesPath = "/lines"

const (
	command   = "sink-process" // first argument: run as the sink instead of the demo
	announces = "listening "   // printed, followed by the address, once the sink takes records
	maxPush   = 1 << 20
	maxLine   = 256 << 10 // Loki's own default
)

// RunIfChild does not return when [Start] started this process: it starts the binary that it is in.
func RunIfChild() {
	addr, path, ok := ChildArgs()
	if !ok {
		return
	}
	if err := serveFile(addr, path, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "outage: sink:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// ChildArgs returns the address and the file that [Start] gave this process, and whether it did.
func ChildArgs() (addr, path string, ok bool) {
	if len(os.Args) != 4 || os.Args[1] != command {
		return "", "", false
	}
	return os.Args[2], os.Args[3], true
}

// serveFile is the child process: it appends each record that is pushed to the file at path, and
// acknowledges it then.
func serveFile(addr, path string, stdin io.Reader, stdout io.Writer) error {
	signal.Ignore(os.Interrupt) // Ctrl-C reaches a sink that is in the demo's process group
	file, err := OpenRecords(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return Serve(addr, file, stdin, stdout)
}

// Serve takes records until stdin ends. The parent holds the other end of that pipe, so the kernel
// ends it whichever way the parent goes, and no sink is left behind.
func Serve(addr string, records io.Writer, stdin io.Reader, stdout io.Writer) error {
	listener, err := listen(addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: Handler(records), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		_ = server.Close()
	}()
	if _, err := fmt.Fprintf(stdout, "%s%s\n", announces, listener.Addr()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler answers as Loki's push API does: 204 after the records of a push were written to w in one
// call, 400 for a push that will never be one, and 503 when it could not be stored. What was
// written survives a SIGKILL, because it is the kernel's by then; nothing here guards against a
// power cut. At [LinesPath] it takes plain lines in the same way.
func Handler(w io.Writer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PushPath, func(rw http.ResponseWriter, r *http.Request) {
		var pushed push
		body := http.MaxBytesReader(rw, r.Body, maxPush)
		if err := json.NewDecoder(body).Decode(&pushed); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest) // also a push that was cut off
			return
		}
		records, err := stamped(pushed, time.Now())
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		store(rw, w, records)
	})
	mux.HandleFunc("POST "+LinesPath, func(rw http.ResponseWriter, r *http.Request) {
		lines, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxPush))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		store(rw, w, lines)
	})
	return mux
}

// store writes records to w and acknowledges them.
func store(rw http.ResponseWriter, w io.Writer, records []byte) {
	if n, err := w.Write(records); err != nil || n < len(records) {
		http.Error(rw, "the records were not stored", http.StatusServiceUnavailable)
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

// stamped is what the sink stores of a push: a line for each record, which begins with when it was
// stored and with when it was sent, both in nanoseconds. Their difference tells a late record from
// one that was taken in time.
func stamped(p push, now time.Time) (records []byte, err error) {
	for _, s := range p.Streams {
		for _, value := range s.Values {
			sent, line := value[0], value[1]
			if _, err := strconv.ParseUint(sent, 10, 64); err != nil {
				return nil, fmt.Errorf("timestamp %.40q: want nanoseconds since 1970, as a string",
					sent)
			}
			if len(line) > maxLine || strings.Contains(line, "\n") {
				return nil, fmt.Errorf("a line of %d bytes: want at most %d, without a line break",
					len(line), maxLine)
			}
			records = fmt.Appendf(records, "%d %s %s\n", now.UnixNano(), sent, line)
		}
	}
	if records == nil {
		return nil, errors.New("the push has no records")
	}
	return records, nil
}

// Unstamp takes the two times off a line of a sink's file, and returns what lies between them. A
// line without is whole, too.
func Unstamp(line []byte) (record []byte, waited time.Duration, whole bool) {
	if bytes.HasPrefix(line, []byte("{")) {
		return line, 0, true
	}
	stored, rest, _ := bytes.Cut(line, []byte(" "))
	sent, record, found := bytes.Cut(rest, []byte(" "))
	to, err := strconv.ParseInt(string(stored), 10, 64)
	from, err2 := strconv.ParseInt(string(sent), 10, 64)
	return record, time.Duration(to - from), found && err == nil && err2 == nil
}

// OpenRecords opens a file of one record a line for appending. O_APPEND makes every Write one
// atomic append, from any goroutine. A file that ends in the middle of a line, as a killed sink may
// leave it, gets its line ended first: the next record must not be glued to the torn one.
func OpenRecords(path string) (*os.File, error) {
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
