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

// push is the body of a request to Loki: streams of lines with their times. A time is a string of
// nanoseconds, because not every JSON parser keeps 19 digits of a number.
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

// IsRecordError reports whether the sink refused a record for what it is: malformed, or too long.
// Such an error says nothing about the next record, so no breaker counts it. 429 and 5xx are
// failures of the sink.
func IsRecordError(err error) bool {
	var answer *StatusError
	if !errors.As(err, &answer) {
		return false
	}
	return answer.Code == http.StatusBadRequest || answer.Code == http.StatusRequestEntityTooLarge
}

// Client is an io.Writer that pushes the lines of each Write as one request. It returns nil only if
// the sink acknowledged them with a 2xx. The claim that nothing is lost needs such a sink.
type Client struct {
	url    string
	labels map[string]string
	client *http.Client
}

// NewClient returns a client that keeps one connection per goroutine alive. With net/http's default
// of two idle connections per host, eight goroutines would dial again and again. The timeout bounds
// one push.
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

// Write sends an encoding of p and keeps nothing of it: net/http may read a body after a failed
// call has returned, when the logger has reused p.
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
	// net/http reuses a connection only if the answer was read to its end.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		text := bytes.TrimSpace(answer[:min(len(answer), 200)])
		return 0, &StatusError{resp.StatusCode, string(text)}
	}
	return len(p), nil
}

// Close closes the idle connections, which would delay the end of the sink.
func (c *Client) Close() error {
	c.client.CloseIdleConnections()
	return nil
}
