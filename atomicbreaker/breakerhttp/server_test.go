// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serverEnv selects the process of a server: the test binary itself. Its value is the address and
// the file.
const serverEnv = "BREAKERHTTP_TEST_SERVER"

func TestMain(m *testing.M) {
	address, file, isServer := strings.Cut(os.Getenv(serverEnv), " ")
	if !isServer {
		os.Exit(m.Run())
	}
	if err := runServer(address, file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// fault is how the server answers a push.
type fault string

const (
	healthy      fault = "healthy"
	unavailable  fault = "503"
	limited      fault = "429" // with Retry-After
	tooLarge     fault = "413" // if the body has more lines than pieces
	bad          fault = "400" // if a line says so
	hangsEarly   fault = "hang in the header"
	hangsInBody  fault = "hang in the body"
	pieces             = 4
	badLine            = "bad"
	serverClient       = 10 * time.Second
)

// runServer serves Loki's push API and appends the lines that it accepts to a file before it
// acknowledges them. It ends when its standard input does, so it never outlives the test.
func runServer(address, file string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var current atomic.Value
	current.Store(healthy)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fault", func(_ http.ResponseWriter, r *http.Request) {
		name, _ := io.ReadAll(r.Body)
		current.Store(fault(name))
	})
	mux.HandleFunc("POST /loki/api/v1/push", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		lines, err := pushedLines(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch f := current.Load().(fault); {
		case f == unavailable:
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		case f == limited:
			w.Header().Set("Retry-After", "3600")
			http.Error(w, "slow down", http.StatusTooManyRequests)
			return
		case f == tooLarge && len(lines) > pieces:
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		case f == bad && slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, badLine) }):
			http.Error(w, "bad", http.StatusBadRequest)
			return
		case f == hangsEarly:
			<-r.Context().Done()
			return
		}
		if _, err := io.WriteString(out, strings.Join(lines, "\n")+"\n"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if current.Load() == hangsInBody {
			_, _ = io.WriteString(w, "stor")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	go func() { _ = http.Serve(listener, mux) }()
	fmt.Println(listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// pushedLines returns the lines of a push request.
func pushedLines(body []byte) (lines []string, err error) {
	var p struct {
		Streams []struct {
			Stream map[string]string `json:"stream"`
			Values [][2]string       `json:"values"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, err
	}
	for _, s := range p.Streams {
		for _, v := range s.Values {
			lines = append(lines, v[1])
		}
	}
	if len(lines) == 0 {
		return nil, errors.New("no lines")
	}
	return lines, nil
}

// process is a server in a process of its own, which can be killed and started again.
type process struct {
	t       *testing.T
	file    string
	address string
	cmd     *exec.Cmd
	stdin   io.Closer
	once    *sync.Once
}

func startProcess(t *testing.T) *process {
	t.Helper()
	p := &process{t: t, file: filepath.Join(t.TempDir(), "loki"), address: "127.0.0.1:0"}
	p.start()
	t.Cleanup(p.kill)
	return p
}

// start starts the server. A restarted server has the address of the first one.
func (p *process) start() {
	p.t.Helper()
	executable, err := os.Executable()
	require.NoError(p.t, err)
	p.cmd = exec.Command(executable)
	p.cmd.Env = append(os.Environ(), serverEnv+"="+p.address+" "+p.file)
	p.cmd.Stderr = os.Stderr
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(p.t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.cmd.Start())
	p.once = new(sync.Once)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(p.t, err, "the server did not start")
	p.address = strings.TrimSpace(line)
}

// kill kills the server without warning.
func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		_ = p.stdin.Close()
	})
}

func (p *process) url() string { return "http://" + p.address + "/loki/api/v1/push" }

// set makes the server answer with a fault from now on.
func (p *process) set(f fault) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), serverClient)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+"/fault", strings.NewReader(string(f)))
	require.NoError(p.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	require.NoError(p.t, resp.Body.Close())
}

// lines returns the lines that the server holds.
func (p *process) lines() []string {
	p.t.Helper()
	text, err := os.ReadFile(p.file)
	require.NoError(p.t, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
