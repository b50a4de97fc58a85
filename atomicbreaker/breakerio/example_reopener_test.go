// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// collector is a TCP server that acknowledges each line with one byte. It keeps its lines when it
// is killed and restarted.
type collector struct {
	mu       sync.Mutex
	address  string
	listener net.Listener
	conns    []net.Conn
	lines    []string
}

func (c *collector) start() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listener, c.address = listener, listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
}

func (c *collector) serve(conn net.Conn) {
	c.mu.Lock()
	c.conns = append(c.conns, conn)
	c.mu.Unlock()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		c.mu.Lock()
		c.lines = append(c.lines, lines.Text())
		c.mu.Unlock()
		_, _ = conn.Write([]byte{'.'})
	}
}

func (c *collector) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.listener.Close()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// dial returns a connection to the address where the collector listens or last listened.
func (c *collector) dial(ctx context.Context) (io.WriteCloser, error) {
	c.mu.Lock()
	address := c.address
	c.mu.Unlock()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return acknowledged{conn}, nil
}

// acknowledged is a connection whose Write succeeds when the peer has the line. A TCP connection
// alone reports only that the kernel has it.
type acknowledged struct{ net.Conn }

func (c acknowledged) Write(p []byte) (int, error) {
	if _, err := c.Conn.Write(p); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(c.Conn, make([]byte, 1)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A log collector is killed and restarted.
func ExampleReopener() {
	var server collector
	server.start()
	var file strings.Builder

	sink := breakerio.NewReopener(server.dial)
	lane := breakerio.NewLane(sink, 10*time.Second, breakerio.WithCloseOnHang())
	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(0))
	w := breakerio.NewWriter(b, lane, &file)
	logger := log.New(w, "", 0)

	logger.Print("healthy")
	server.kill()
	logger.Print("the connection breaks")
	logger.Print("the collector refuses connections, and the breaker opens")
	logger.Print("a probe fails")
	server.start()
	logger.Print("a probe connects again")
	logger.Print("healthy again")

	fmt.Println("The breaker is", b.State())
	_ = w.Close()
	server.kill()
	fmt.Print("In the file:\n", file.String())
	fmt.Print("At the collector:\n", strings.Join(server.lines, "\n"), "\n")
	// Output:
	// The breaker is closed
	// In the file:
	// the connection breaks
	// the collector refuses connections, and the breaker opens
	// a probe fails
	// At the collector:
	// healthy
	// a probe connects again
	// healthy again
}
