// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

type sinkConfig struct {
	encode        func(lines []byte) (body []byte, contentType string, err error)
	header        http.Header
	gzip          bool
	maxRetryAfter time.Duration
	errs          []error
}

// SinkOption configures a [Sink]. If an option is repeated, the last one wins; headers accumulate.
// [Loki], [NDJSON] and [WithEncoder] replace each other.
type SinkOption interface{ applyToSink(*sinkConfig) }

type sinkOption func(*sinkConfig)

func (o sinkOption) applyToSink(c *sinkConfig) { o(c) }

// WithEncoder sets the function that makes the body of a request, and its Content-Type, from the
// lines of a write. f must be safe for concurrent use. It must not change lines or use them after
// it has returned, but body may share memory with them. If f returns an error, nothing is sent, and
// the error is one of the records: see [IsRecordError].
func WithEncoder(f func(lines []byte) (body []byte, contentType string, err error)) SinkOption {
	return sinkOption(func(c *sinkConfig) {
		if f == nil {
			c.errs = append(c.errs, fmt.Errorf("WithEncoder(nil): want a function"))
			return
		}
		c.encode = func(lines []byte) ([]byte, string, error) {
			body, contentType, err := f(lines)
			// net/http may read the body after the request has failed, when lines are in use again.
			return bytes.Clone(body), contentType, err
		}
	})
}

// NDJSON sends the lines unchanged, as application/x-ndjson. It adds the newline of the last line
// if it is missing. This is the default.
func NDJSON() SinkOption { return sinkOption(func(c *sinkConfig) { c.encode = encodeNDJSON }) }

func encodeNDJSON(lines []byte) ([]byte, string, error) {
	body := append(make([]byte, 0, len(lines)+1), lines...)
	if !bytes.HasSuffix(body, []byte("\n")) {
		body = append(body, '\n')
	}
	return body, "application/x-ndjson", nil
}

// WithGzip compresses the bodies of requests, at the fastest level.
func WithGzip() SinkOption { return sinkOption(func(c *sinkConfig) { c.gzip = true }) }

var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

func compress(body []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(body)/4 + 64)
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	w.Reset(&b)
	_, _ = w.Write(body) // a bytes.Buffer returns no error
	_ = w.Close()
	return b.Bytes()
}

// WithHeader sets a header of every request, such as Authorization or Loki's X-Scope-OrgID. Errors
// do not contain the value. The key must be a token as in RFC 9110, and the value must not contain
// control characters.
func WithHeader(key, value string) SinkOption {
	return sinkOption(func(c *sinkConfig) {
		switch {
		case !isToken(key):
			c.errs = append(c.errs,
				fmt.Errorf("WithHeader(%q, ...): want letters, digits and -", key))
		case strings.ContainsFunc(value, isControl):
			c.errs = append(c.errs,
				fmt.Errorf("WithHeader(%q, ...): the value contains a control character", key))
		default:
			c.header.Set(key, value)
		}
	})
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
