// SPDX-License-Identifier: Apache-2.0

package sink

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

// Endpoint is where records go: the demo's own sink process, or what -sink names.
type Endpoint struct {
	Kind  Kind
	Where string // a URL, host:port or a path
}

// Kind is the kind of an endpoint.
type Kind int

// The kinds of endpoints.
const (
	Embedded Kind = iota // the zero endpoint
	Loki
	TCP
	Syslog
	File
)

var errFlag = errors.New("want http://HOST" + PushPath +
	", tcp://HOST:PORT, syslog://HOST:PORT, ./NAME, /PATH or file:///PATH")

// ParseEndpoint parses the argument of -sink. A file needs a path with a separator, so that a
// forgotten scheme or the name of a host does not create one.
func ParseEndpoint(v string) (Endpoint, error) {
	if !strings.Contains(v, "://") {
		if !strings.ContainsRune(v, '/') && !strings.ContainsRune(v, os.PathSeparator) {
			return Endpoint{}, errFlag
		}
		return fileAt(v)
	}
	u, err := url.Parse(v)
	if err != nil {
		return Endpoint{}, errFlag
	}
	if u.Scheme == "file" {
		if u.Host != "" || u.Path == "" {
			return Endpoint{}, errors.New("want file:///PATH")
		}
		return fileAt(u.Path)
	}
	if u.Hostname() == "" {
		return Endpoint{}, errFlag
	}
	if u.Port() != "" {
		if port, err := strconv.Atoi(u.Port()); err != nil || port < 1 || port > 65535 {
			return Endpoint{}, fmt.Errorf("port %s: want 1 to 65535", u.Port())
		}
	}
	switch u.Scheme {
	case "http", "https":
		if !strings.HasSuffix(u.Path, PushPath) {
			return Endpoint{}, fmt.Errorf("path %q: want one that ends in %s", u.Path, PushPath)
		}
		return Endpoint{Loki, v}, nil
	case "tcp", "syslog":
		if _, rest, _ := strings.Cut(v, "://"); u.Port() == "" || rest != u.Host {
			return Endpoint{}, fmt.Errorf("want %s://HOST:PORT and nothing else", u.Scheme)
		}
		return Endpoint{map[string]Kind{"tcp": TCP, "syslog": Syslog}[u.Scheme], u.Host}, nil
	}
	return Endpoint{}, errFlag
}

// fileAt returns a file that exists, or one in a folder that exists.
func fileAt(path string) (Endpoint, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return Endpoint{}, errors.New("it is a folder: want the path of a file")
	case err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0:
		// Opening it could block forever.
		return Endpoint{}, fmt.Errorf("%v: want a file", info.Mode())
	case err == nil:
		return Endpoint{File, path}, nil
	}
	folder := filepath.Dir(path)
	if info, err = os.Stat(folder); err != nil || !info.IsDir() {
		return Endpoint{}, fmt.Errorf("there is no folder %s", folder)
	}
	return Endpoint{File, path}, nil
}

// Open returns the client of an endpoint. A Write without an error means that the sink took the
// records, as far as it says so.
func (e Endpoint) Open(
	guard string, goroutines int, timeout time.Duration,
) (io.WriteCloser, error) {
	switch e.Kind {
	case TCP:
		return &netClient{addr: e.Where, timeout: timeout, frame: asLine}, nil
	case Syslog:
		return &netClient{addr: e.Where, timeout: timeout, frame: newSyslogFrame()}, nil
	case File:
		return os.OpenFile(e.Where, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	case Embedded, Loki:
	}
	return NewClient(e.Where, guard, goroutines, timeout), nil
}

// TakesLines reports whether a Write may have several records, each with its line break.
func (e Endpoint) TakesLines() bool { return e.Kind != Syslog }

// Meaning says what it means that a sink took a record, and so how far the verdict can be trusted.
func (e Endpoint) Meaning() string {
	switch e.Kind {
	case Loki:
		return "in the sink: the records that your endpoint acknowledged, live or replayed. It\n" +
			"is believed, not read back; what it took without an acknowledgement was sent\n" +
			"again, or is in the fallback"
	case TCP, Syslog:
		return "in the sink: the records that the kernel took for the connection, live or\n" +
			"replayed. The far end did not acknowledge them, and what was on its way when\n" +
			"the connection broke is gone without a trace: lost 0 and undelivered 0 say\n" +
			"nothing about the far end"
	case File:
		return "in the sink: the records that the file system took. The file is yours and is\n" +
			"not read back"
	case Embedded:
	}
	return "The sink's file and the fallback were read back; what is in neither is lost"
}
