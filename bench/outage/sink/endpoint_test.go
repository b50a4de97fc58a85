// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSink(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for v, want := range map[string]Endpoint{
		"http://loki:3100/loki/api/v1/push":    {Loki, "http://loki:3100/loki/api/v1/push"},
		"https://u:p@h/a/loki/api/v1/push?x=y": {Loki, "https://u:p@h/a/loki/api/v1/push?x=y"},
		"tcp://127.0.0.1:5170":                 {TCP, "127.0.0.1:5170"},
		"syslog://[::1]:601":                   {Syslog, "[::1]:601"},
		"HTTP://loki:3100/loki/api/v1/push":    {Loki, "HTTP://loki:3100/loki/api/v1/push"},
		"Tcp://a:1":                            {TCP, "a:1"},
		"./app.log":                            {File, "./app.log"},
		dir + "/app.log":                       {File, dir + "/app.log"},
		dir + "/a:1":                           {File, dir + "/a:1"},
		"file://" + dir + "/app.log":           {File, dir + "/app.log"},
		"FILE://" + dir + "/a%20b":             {File, dir + "/a b"},
	} {
		got, err := ParseEndpoint(v)
		require.NoError(t, err, v)
		assert.Equal(t, want, got)
	}
}

// open opens the endpoint that a -sink flag names.
func open(t *testing.T, flag string) io.WriteCloser {
	t.Helper()
	e, err := ParseEndpoint(flag)
	require.NoError(t, err)
	w, err := e.Open("test", 1, 30*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestLokiEndpoint(t *testing.T) {
	var stored bytes.Buffer
	server := httptest.NewServer(Handler(&stored))
	defer server.Close()
	n, err := open(t, server.URL+PushPath).Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)
	assert.Equal(t, 10, n)
	assert.True(t, strings.HasSuffix(stored.String(), " {\"seq\":0}\n"), stored.String())
}

// connections accepts connections and hands each of them out.
func connections(t *testing.T) (addr string, accepted <-chan net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	conns := make(chan net.Conn)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	return listener.Addr().String(), conns
}

func TestTCPEndpoint(t *testing.T) {
	addr, accepted := connections(t)
	w := open(t, "tcp://"+addr)
	n, err := w.Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)
	assert.Equal(t, 10, n)
	first := <-accepted
	line, err := bufio.NewReader(first).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "{\"seq\":0}\n", line)

	// The far end goes. The kernel may take one more record, which is gone; that is why nothing
	// acknowledges here.
	require.NoError(t, first.(*net.TCPConn).SetLinger(0))
	require.NoError(t, first.Close())
	for err = nil; err == nil; {
		_, err = w.Write([]byte("{\"seq\":1}\n"))
	}
	_, err = w.Write([]byte("{\"seq\":2}\n"))
	require.NoError(t, err, "it dials anew")
	second := <-accepted
	defer func() { _ = second.Close() }()
	line, err = bufio.NewReader(second).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "{\"seq\":2}\n", line)

	require.NoError(t, w.Close())
	_, err = w.Write([]byte("{\"seq\":3}\n"))
	assert.ErrorIs(t, err, fs.ErrClosed)
}

// A far end that does not read: the write ends at its deadline.
func TestTCPEndpointThatHangs(t *testing.T) {
	addr, accepted := connections(t)
	conn, err := net.Dial("tcp", addr) // the client's own dial may outlast its timeout
	require.NoError(t, err)
	w := &netClient{addr: addr, timeout: 50 * time.Millisecond, frame: asLine, conn: conn}
	defer func() { _ = w.Close() }()
	record := bytes.Repeat([]byte("x"), 1<<20)
	for range 1000 {
		if _, err = w.Write(record); err != nil {
			break
		}
	}
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_ = (<-accepted).Close()
}

// The near end of a connection is a port that is taken and that nobody listens on. One that was
// closed could be another program's by the time it is dialed.
func TestTCPEndpointThatIsNotThere(t *testing.T) {
	addr, accepted := connections(t)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	defer func() { _ = (<-accepted).Close() }()
	_, err = open(t, "tcp://"+conn.LocalAddr().String()).Write([]byte("a\n"))
	assert.Error(t, err)
}

func TestSyslogEndpoint(t *testing.T) {
	addr, accepted := connections(t)
	w := open(t, "syslog://"+addr)
	for _, record := range []string{"{\"seq\":0}\n", "{\"item\":\"Amboß\"}\n"} {
		n, err := w.Write([]byte(record))
		require.NoError(t, err)
		assert.Equal(t, len(record), n)
	}
	conn := <-accepted
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for _, record := range []string{`{"seq":0}`, `{"item":"Amboß"}`} {
		length, err := in.ReadString(' ')
		require.NoError(t, err)
		n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
		require.NoError(t, err, "the length comes first")
		message := make([]byte, n)
		_, err = io.ReadFull(in, message)
		require.NoError(t, err)
		fields := strings.SplitN(string(message), " ", 8)
		require.Len(t, fields, 8, string(message))
		assert.Equal(t, "<134>1", fields[0])
		sent, err := time.Parse(time.RFC3339Nano, fields[1])
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), sent, time.Hour)
		assert.NotEmpty(t, fields[2])
		assert.Equal(t, []string{"outage", strconv.Itoa(os.Getpid()), "-", "-", record}, fields[3:])
	}
}

func TestFileEndpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	require.NoError(t, os.WriteFile(path, []byte("mine\n"), 0o600))
	_, err := open(t, path).Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "mine\n{\"seq\":0}\n", string(got))

	_, err = Endpoint{File, filepath.Join(path, "no")}.Open("test", 1, time.Second)
	assert.Error(t, err)
}

// Only a sink that acknowledges can be believed, and the verdict says so.
func TestEndpointsSayWhatTheyAreWorth(t *testing.T) {
	for kind, part := range map[Kind]string{
		Embedded: "were read back", Loki: "acknowledged", TCP: "nothing about the far end",
		Syslog: "nothing about the far end", File: "file system",
	} {
		assert.Contains(t, Endpoint{Kind: kind}.Meaning(), part)
	}
}

// A syslog message is one record; a line break in it would be a part of the record.
func TestEndpointsThatTakeLines(t *testing.T) {
	for kind, want := range map[Kind]bool{
		Embedded: true, Loki: true, TCP: true, Syslog: false, File: true,
	} {
		assert.Equal(t, want, Endpoint{Kind: kind}.TakesLines(), kind)
	}
}
