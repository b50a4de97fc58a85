// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errSink = errors.New("the sink is out")

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestMain is the sink's main when a test starts this binary again.
func TestMain(m *testing.M) {
	RunIfChild()
	os.Exit(m.Run())
}

// pushed is a push of one line.
func pushed(line string) string {
	body, err := json.Marshal(push{[]stream{{
		map[string]string{"service_name": "test"}, [][2]string{{"1700000000000000000", line}},
	}}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// post sends a push to a sink and returns the status that it answers with.
func post(t *testing.T, server *httptest.Server, path, body string) int {
	t.Helper()
	resp, err := http.Post(server.URL+path, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func TestSinkAnswersAsLokiDoes(t *testing.T) {
	const ok, bad = http.StatusNoContent, http.StatusBadRequest
	cases := map[string]struct {
		path, body string
		want       int
		stored     int // records
	}{
		"a record": {PushPath, pushed(`{"seq":0}`), ok, 1},
		"two in a stream": {
			PushPath, `{"streams":[{"stream":{"a":"b"},"values":[["1","{}"],["2","{}"]]}]}`, ok, 2,
		},
		"two streams": {
			PushPath, `{"streams":[{"values":[["1","{}"]]},{"values":[["2","{}"]]}]}`, ok, 2,
		},
		"a timestamp that is no text": {
			PushPath, `{"streams":[{"stream":{},"values":[[1700000000000000000,"{}"]]}]}`, bad, 0,
		},
		"a timestamp in words": {
			PushPath, `{"streams":[{"stream":{},"values":[["now","{}"]]}]}`, bad, 0,
		},
		"a bad record among good": {
			PushPath, `{"streams":[{"values":[["1","{}"],["now","{}"]]}]}`, bad, 0,
		},
		"a line that is too long": {PushPath, pushed(strings.Repeat("x", maxLine+1)), bad, 0},
		"a push that is too long": {PushPath, pushed(strings.Repeat("x", maxPush)), bad, 0},
		"a line break":            {PushPath, pushed("a\nb"), bad, 0},
		"no records":              {PushPath, `{"streams":[]}`, bad, 0},
		"no JSON":                 {PushPath, `{"seq":0}` + "\n{", bad, 0},
		"cut off":                 {PushPath, `{"streams":[{"stream":`, bad, 0},
		"another path":            {"/", pushed("{}"), http.StatusNotFound, 0},
		"plain lines":             {LinesPath, "a\nb\n", ok, 2},
		"too many plain lines":    {LinesPath, strings.Repeat("\n", maxPush+1), bad, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var stored bytes.Buffer
			server := httptest.NewServer(Handler(&stored))
			defer server.Close()
			assert.Equal(t, c.want, post(t, server, c.path, c.body))
			assert.Equal(t, c.stored, strings.Count(stored.String(), "\n"), stored.String())
		})
	}
	server := httptest.NewServer(Handler(io.Discard))
	defer server.Close()
	resp, err := http.Get(server.URL + PushPath)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}

func TestSinkNotesWhenItStoredARecord(t *testing.T) {
	records, err := stamped(push{[]stream{{nil, [][2]string{{"1000", `{"seq":3}`}}}}},
		time.Unix(0, 5000))
	require.NoError(t, err)
	assert.Equal(t, "5000 1000 {\"seq\":3}\n", string(records))
}

func TestSinkDoesNotAcknowledgeWhatItCouldNotStore(t *testing.T) {
	for name, file := range map[string]writerFunc{
		"error": func([]byte) (int, error) { return 0, errSink },
		"short": func(p []byte) (int, error) { return len(p) - 1, nil },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(Handler(file))
			defer server.Close()
			assert.Equal(t, http.StatusServiceUnavailable, post(t, server, PushPath, pushed("{}")))
		})
	}
}
