// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// PushPath is where Loki takes records.
const PushPath = "/loki/api/v1/push"

// push is the body of a request to Loki: streams of lines, each with the time that it was logged
// at. That time is in nanoseconds and a string, because a JSON number does not carry 19 digits
// through every parser.
type push struct {
	Streams []stream `json:"streams"`
}

type stream struct {
	Labels map[string]string `json:"stream"`
	Values [][2]string       `json:"values"` // time, line
}

// StatusError is an answer other than 2xx.
type StatusError struct {
	Code int
	Text string // what the sink said about it
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the sink answered %d %s: %s", e.Code, http.StatusText(e.Code), e.Text)
}

// IsRecordError tells a refused record (it is malformed, or too long) from a sink that is out. The
// former says nothing about the next record, so no breaker counts it; 429 and 5xx are the sink's
// own trouble.
func IsRecordError(err error) bool {
	var answer *StatusError
	if !errors.As(err, &answer) {
		return false
	}
	return answer.Code == http.StatusBadRequest || answer.Code == http.StatusRequestEntityTooLarge
}

// Client is the primary: an io.Writer that pushes each record on its own, and returns nil only when
// the sink acknowledged it with a 2xx. Only such a sink can carry a claim that nothing is lost; one
// that merely takes bytes cannot.
type Client struct {
	url    string
	labels map[string]string
	client *http.Client
}

// NewClient keeps one connection per goroutine alive: net/http's default of two idle connections
// per host would make every other call of eight goroutines dial anew. The timeout bounds one push.
func NewClient(url, guard string, goroutines int, timeout time.Duration) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0 // no limit in all
	transport.MaxIdleConnsPerHost = goroutines
	return &Client{
		url:    url,
		labels: map[string]string{"service_name": "outage", "guard": guard},
		client: &http.Client{
			Transport: transport,
			Timeout:   timeout,
			// A followed redirect can end as a GET that answers 200 and stores nothing.
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
	}
}

// Write keeps nothing of p: the body that is sent is an encoding of it. That matters because
// net/http may still read a body after the call has returned with an error, and the logger reuses p
// at once.
func (c *Client) Write(p []byte) (int, error) {
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	var values [][2]string
	for line := range bytes.Lines(p) {
		values = append(values, [2]string{now, string(bytes.TrimSuffix(line, []byte("\n")))})
	}
	body, err := json.Marshal(push{[]stream{{c.labels, values}}})
	if err != nil {
		return 0, err
	}
	resp, err := c.client.Post(c.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	// Only a connection whose answer was read to its end is used again.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		text := bytes.TrimSpace(answer[:min(len(answer), 200)])
		return 0, &StatusError{resp.StatusCode, string(text)}
	}
	return len(p), nil
}

// Close drops the idle connections, so that a sink that is asked to end is not kept waiting for
// them.
func (c *Client) Close() error {
	c.client.CloseIdleConnections()
	return nil
}
