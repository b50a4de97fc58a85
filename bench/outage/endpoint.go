// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
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

var errSinkFlag = errors.New("want http://HOST" + pushPath + ", tcp://HOST:PORT, syslog://HOST:PORT, ./NAME, /PATH or file:///PATH")

// parseSink understands the argument of -sink. Only a path with a separator in it is a file: a scheme that was forgotten, or
// the name of a host, must not make one.
func parseSink(v string) (endpoint, error) {
	if !strings.Contains(v, "://") {
		if !strings.ContainsRune(v, '/') && !strings.ContainsRune(v, os.PathSeparator) {
			return endpoint{}, errSinkFlag
		}
		return fileAt(v)
	}
	u, err := url.Parse(v)
	if err != nil {
		return endpoint{}, errSinkFlag
	}
	if u.Scheme == "file" {
		if u.Host != "" || u.Path == "" {
			return endpoint{}, errors.New("want file:///PATH")
		}
		return fileAt(u.Path)
	}
	if u.Hostname() == "" {
		return endpoint{}, errSinkFlag
	}
	if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port < 1 || port > 65535) {
		return endpoint{}, fmt.Errorf("port %s: want 1 to 65535", u.Port())
	}
	switch u.Scheme {
	case "http", "https":
		if !strings.HasSuffix(u.Path, pushPath) {
			return endpoint{}, fmt.Errorf("path %q: want one that ends in %s", u.Path, pushPath)
		}
		return endpoint{lokiSink, v}, nil
	case "tcp", "syslog":
		if _, rest, _ := strings.Cut(v, "://"); u.Port() == "" || rest != u.Host {
			return endpoint{}, fmt.Errorf("want %s://HOST:PORT and nothing else", u.Scheme)
		}
		return endpoint{map[string]sinkKind{"tcp": tcpSink, "syslog": syslogSink}[u.Scheme], u.Host}, nil
	}
	return endpoint{}, errSinkFlag
}

// fileAt is a file that is there, or can be made in a folder that is.
func fileAt(path string) (endpoint, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return endpoint{}, errors.New("it is a folder: want the path of a file")
	case err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0:
		return endpoint{}, fmt.Errorf("%v: want a file", info.Mode()) // opening it might block forever
	case err == nil:
		return endpoint{fileSink, path}, nil
	}
	folder := filepath.Dir(path)
	if info, err = os.Stat(folder); err != nil || !info.IsDir() {
		return endpoint{}, fmt.Errorf("there is no folder %s", folder)
	}
	return endpoint{fileSink, path}, nil
}

// open returns the client: one Write is one record, and returns nil when the sink took it, as far as such a sink says so.
func (e endpoint) open(guard string, goroutines int, timeout time.Duration) (io.WriteCloser, error) {
	switch e.kind {
	case tcpSink:
		return &netClient{addr: e.where, timeout: timeout, frame: asLine}, nil
	case syslogSink:
		return &netClient{addr: e.where, timeout: timeout, frame: newSyslogFrame()}, nil
	case fileSink:
		return os.OpenFile(e.where, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	case embeddedSink, lokiSink:
	}
	return newLokiClient(e.where, guard, goroutines, timeout), nil
}

// meaning says what is known about a record that such a sink took, and so what a verdict of none lost is worth.
func (e endpoint) meaning() string {
	switch e.kind {
	case lokiSink:
		return "primary: the records that your endpoint acknowledged. It is believed, not read\n" +
			"back; what it took without an acknowledgement is in the fallback as well"
	case tcpSink, syslogSink:
		return "primary: the records that the kernel took for the connection. The far end did\n" +
			"not acknowledge them, and what was on its way when the connection broke is gone\n" +
			"without a trace: lost 0 says nothing about the far end"
	case fileSink:
		return "primary: the records that the file system took. The file is yours and is not\nread back"
	case embeddedSink:
	}
	return "Both files were read back; what is in neither is lost"
}
