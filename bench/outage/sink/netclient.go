// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// netClient writes records to a TCP connection, and dials again after an error. Nothing
// acknowledges the records: Write returns nil when the kernel took the bytes. After the far end has
// gone, the kernel usually takes one more record.
type netClient struct {
	addr    string
	timeout time.Duration
	frame   func([]byte) []byte // a record as it is on the wire

	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

// Write takes no longer than the timeout, after which it closes the connection.
func (c *netClient) Write(p []byte) (int, error) {
	framed := c.frame(p)
	deadline := time.Now().Add(c.timeout)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, fs.ErrClosed
	}
	if c.conn == nil {
		conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp", c.addr)
		if err != nil {
			return 0, err
		}
		c.conn = conn
	}
	err := c.conn.SetWriteDeadline(deadline)
	if err == nil {
		_, err = c.conn.Write(framed)
	}
	if err != nil { // part of a record may have been sent, and the next one must not follow it
		_ = c.conn.Close()
		c.conn = nil
		return 0, err
	}
	return len(p), nil
}

func (c *netClient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}

// asLine sends a record unchanged: JSON and a line break.
func asLine(p []byte) []byte { return p }

// newSyslogFrame returns a function that makes an RFC 5424 message of a record and puts its length
// in front of it (octet counting, RFC 6587).
func newSyslogFrame() func([]byte) []byte {
	const localUse0, informational = 16, 6
	host, err := os.Hostname()
	if err != nil || host == "" || strings.ContainsAny(host, " \t") {
		host = "-"
	}
	return func(p []byte) []byte {
		// RFC 5424 takes at most six digits of a second; after the procid come no msgid and no
		// structured data.
		m := fmt.Appendf(nil, "<%d>1 %s %s outage %d - - ", localUse0*8+informational,
			time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), host, os.Getpid())
		m = append(m, bytes.TrimSuffix(p, []byte("\n"))...)
		return append(fmt.Appendf(nil, "%d ", len(m)), m...)
	}
}
