// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

func TestFlags(t *testing.T) {
	with := func(change func(*settings)) settings {
		s := defaults()
		s.guards = []string{noGuard, failover, goBreaker, atomicBreaker}
		change(&s)
		return s
	}
	file := func(path string) sink.Endpoint { return sink.Endpoint{Kind: sink.File, Where: path} }
	cases := map[string]settings{
		"":                with(func(*settings) {}),
		"-duration 5s":    with(func(s *settings) { s.Duration = 5 * time.Second }),
		"-duration 10m":   with(func(s *settings) { s.Duration = 10 * time.Minute }),
		"-timeout 1500ms": with(func(s *settings) { s.Timeout = 1500 * time.Millisecond }),
		"-timeout 5s -duration 40s": with(func(s *settings) {
			s.Timeout, s.Duration = 5*time.Second, 40*time.Second
		}),
		"-goroutines 1024":    with(func(s *settings) { s.Goroutines = 1024 }),
		"--rate=100000 -keep": with(func(s *settings) { s.Rate, s.keep = 100_000, true }),
		"-logger zap -out x":  with(func(s *settings) { s.logger, s.out = "zap", "x" }),
		"-guards gobreaker,none": with(func(s *settings) {
			s.guards = []string{noGuard, goBreaker}
		}),
		"-breaker failures=7,recovery=1s": with(func(s *settings) {
			_ = s.breaker.UnmarshalText([]byte("recovery=1s,failures=7"))
		}),
		"-sink ./app.log": with(func(s *settings) {
			s.Sink, s.guards = file("./app.log"), []string{atomicBreaker}
		}),
		"-sink ./a.log -spool x": with(func(s *settings) {
			s.Sink, s.spool, s.guards = file("./a.log"), "x", []string{atomicBreaker}
		}),
		"-sink ./a.log -guards all": with(func(s *settings) { s.Sink = file("./a.log") }),
	}
	for line, want := range cases {
		t.Run(line, func(t *testing.T) {
			got, err := parseFlags(strings.Fields(line))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

// A flag that cannot be used is one line on stderr that names the flag, the value and what would
// do, and status 2.
func TestBadFlags(t *testing.T) {
	cases := map[string][]string{
		"-duration soon":            {`"soon"`, "-duration", "4s", "10m"},
		"-duration 3.9s":            {`"3.9s"`, "-duration", "4s", "10m"},
		"-duration 11m":             {`"11m"`, "-duration", "4s", "10m"},
		"-duration 15":              {`"15"`, "-duration", "4s", "10m"},
		"-timeout 9ms":              {`"9ms"`, "-timeout", "10ms", "10s"},
		"-timeout 2s":               {"-timeout 2s", "at most 1.5s", "-duration 12s"},
		"-goroutines 0":             {`"0"`, "-goroutines", "1 to 1024"},
		"-goroutines 1025":          {`"1025"`, "-goroutines", "1 to 1024"},
		"-rate 99":                  {`"99"`, "-rate", "100 to 100000"},
		"-rate 1e3":                 {`"1e3"`, "-rate", "100 to 100000"},
		"-rate 100001":              {`"100001"`, "-rate", "100 to 100000"},
		"-logger logrus":            {`"logrus"`, "-logger", "slog, zap, zerolog or all"},
		"-guards none,theirs":       {`"theirs"`, "-guards", "none, failover, gobreaker"},
		"-guards ours":              {`"ours"`, "-guards", "atomicbreaker"},
		"-guards ,":                 {`""`, "-guards", "atomicbreaker"},
		"-sink localhost:1":         {`"localhost:1"`, "-sink", "http://"},
		"-sink ftp://host":          {`"ftp://host"`, "-sink", "tcp://"},
		"-sink syslog":              {`"syslog"`, "-sink", "syslog://"},
		"-sink http:///x":           {`"http:///x"`, "-sink", "HOST"},
		"-sink http://:80/":         {`"http://:80/"`, "-sink", "HOST"},
		"-sink http://a:1/push":     {`"http://a:1/push"`, "-sink", `"/push"`, sink.PushPath},
		"-sink http://a:99999/":     {`"http://a:99999/"`, "-sink", "1 to 65535"},
		"-sink tcp://a":             {`"tcp://a"`, "-sink", "tcp://HOST:PORT"},
		"-sink syslog://a:1/b":      {`"syslog://a:1/b"`, "-sink", "syslog://HOST:PORT"},
		"-sink foo":                 {`"foo"`, "-sink", "./NAME", "file:///PATH", "http://"},
		"-sink app.log":             {`"app.log"`, "-sink", "./NAME"},
		"-sink foo:123":             {`"foo:123"`, "-sink", "tcp://HOST:PORT"},
		"-sink udp://x:1":           {`"udp://x:1"`, "-sink", "tcp://HOST:PORT", "syslog://"},
		"-sink file:":               {`"file:"`, "-sink", "file:///PATH"},
		"-sink file://":             {`"file://"`, "-sink", "file:///PATH"},
		"-sink file://foo":          {`"file://foo"`, "-sink", "file:///PATH"},
		"-sink file://host/foo":     {`"file://host/foo"`, "-sink", "file:///PATH"},
		"-sink ./":                  {`"./"`, "-sink", "it is a folder"},
		"-sink /":                   {`"/"`, "-sink", "it is a folder"},
		"-sink file:///":            {`"file:///"`, "-sink", "it is a folder"},
		"-sink ./none/such":         {`"./none/such"`, "-sink", "no folder"},
		"-sink /dev/null/":          {`"/dev/null/"`, "-sink", "no folder"},
		"-sink a:1" + sink.PushPath: {`"a:1` + sink.PushPath + `"`, "-sink", "no folder"},
		"-sink /dev/null/x":         {`"/dev/null/x"`, "-sink", "no folder"},
		"-sink TCP://a":             {`"TCP://a"`, "-sink", "tcp://HOST:PORT"},
		"-sink=":                    {`""`, "-sink", "./NAME"},
		"-breaker failures=0":       {`"failures=0"`, "-breaker", "1..65535"},
		"-breaker failure=5":        {`"failure=5"`, "-breaker", "failures"},
		"-breaker recovery=3001ms":  {"-breaker", "3.001s", "at most 3s", "-duration 12s"},
		"-breaker backoff=1ms":      {`"backoff=1ms"`, "-breaker", "400ms"},
		"-breaker backoff=2s,jitter=1,failures=-1,rate=2": {"-breaker", "-1", "rate"},
		"-spool x":          {`"x"`, "-spool", "-sink"},
		"-sink ./a -spool=": {`""`, "-spool", "folder"},
		"-out=":             {`""`, "-out", "folder"},
		"-keep=perhaps":     {`"perhaps"`, "-keep", "true or false"},
		"-rate":             {"-rate", "argument"},
		"-loud":             {"-loud"},
		"8s":                {`"8s"`},
	}
	for line, names := range cases {
		t.Run(line, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, exitUsage,
				run(context.Background(), strings.Fields(line), &stdout, &stderr))
			assert.Empty(t, stdout.String())
			message := stderr.String()
			assert.Equal(t, 1, strings.Count(message, "\n"), message)
			assert.True(t,
				strings.HasPrefix(message, "outage: ") && strings.HasSuffix(message, "\n"), message)
			for _, name := range names {
				assert.Contains(t, message, name)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, exitOK, run(context.Background(), []string{"-h"}, &stdout, &stderr))
	assert.Empty(t, stderr.String())
	for _, name := range []string{
		"-duration D", "4s to 10m (default 12s)", "-timeout D", "10ms to 10s", "(default 250ms)",
		"-goroutines N", "1 to 1024 (default 8)", "-rate N", "100 to 100000", "(default 2000)",
		"-logger NAME", "-guards LIST", "-breaker TEXT", "-sink WHERE", "-spool DIR", "-out DIR", "-keep", "-h",
		"Exit status", "none           no breaker: ", "failover       slog-multi failover: ",
		"gobreaker      sony/gobreaker", "atomicbreaker  breakerio.Writer",
		"./NAME", "file:///PATH",
	} {
		assert.Contains(t, stdout.String(), name)
	}
	for line := range strings.Lines(stdout.String()) {
		assert.LessOrEqual(t, lipgloss.Width(strings.TrimSuffix(line, "\n")), 80, line)
		assert.NotContains(t, line, "\t")
	}
}
