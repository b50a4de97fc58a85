// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// endpoint is where records are to go: the demo's own sink process, or what -sink names.
type endpoint struct {
	kind  sinkKind
	where string // a URL, host:port or a path
}

type sinkKind int

const (
	embeddedSink sinkKind = iota // the zero endpoint
	lokiSink
	tcpSink
	syslogSink
	fileSink
)

var errSinkFlag = errors.New("want http://HOST/loki/api/v1/push, tcp://HOST:PORT, syslog://HOST:PORT or the path of a file")

// parseSink understands the argument of -sink.
func parseSink(v string) (endpoint, error) {
	scheme, rest, isURL := strings.Cut(v, "://")
	if !isURL {
		// A forgotten scheme must not make a file.
		_, _, err := net.SplitHostPort(v)
		isScheme := slices.Contains([]string{"", "http", "https", "tcp", "syslog"}, v)
		if isScheme || err == nil && !strings.ContainsRune(v, os.PathSeparator) {
			return endpoint{}, errSinkFlag
		}
		return endpoint{fileSink, v}, nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Hostname() == "" {
		return endpoint{}, errSinkFlag
	}
	if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port < 1 || port > 65535) {
		return endpoint{}, fmt.Errorf("port %s: want 1 to 65535", u.Port())
	}
	switch scheme {
	case "http", "https":
		if !strings.HasSuffix(u.Path, pushPath) {
			return endpoint{}, fmt.Errorf("path %q: want one that ends in %s", u.Path, pushPath)
		}
		return endpoint{lokiSink, v}, nil
	case "tcp", "syslog":
		if u.Port() == "" || rest != u.Host {
			return endpoint{}, fmt.Errorf("want %s://HOST:PORT and nothing else", scheme)
		}
		return endpoint{map[string]sinkKind{"tcp": tcpSink, "syslog": syslogSink}[scheme], u.Host}, nil
	}
	return endpoint{}, errSinkFlag
}

// open returns the client: one Write is one record, and returns nil when the sink took it, as far as such a sink says so.
func (e endpoint) open(guard string, goroutines int, timeout time.Duration) (io.WriteCloser, error) {
	switch e.kind {
	case tcpSink:
		return &netClient{addr: e.where, timeout: timeout, frame: asLine}, nil
	case syslogSink:
		return &netClient{addr: e.where, timeout: timeout, frame: newSyslogFrame()}, nil
	case fileSink:
		if info, err := os.Stat(e.where); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
			return nil, fmt.Errorf("%s: %v: want a file", e.where, info.Mode()) // to open it might wait for ever
		}
		return os.OpenFile(e.where, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	case embeddedSink, lokiSink:
	}
	return newLokiClient(e.where, guard, goroutines, timeout), nil
}

// meaning says what a record that such a sink took is known to have become, and so what lost=0 is worth.
func (e endpoint) meaning() string {
	switch e.kind {
	case lokiSink:
		return "primary counts the records that your endpoint acknowledged; it is believed, not read back"
	case tcpSink, syslogSink:
		return "primary counts the records that the kernel took for the connection; nobody acknowledged them, and what was under\n" +
			"way when the connection broke is gone without a trace: lost=0 says nothing about the far end"
	case fileSink:
		return "primary counts the records that the file system took; the file is yours and is not read back"
	case embeddedSink:
	}
	return "both files were read back; what is in neither is lost"
}
