// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlags(t *testing.T) {
	cases := map[string]settings{
		"":                 defaults(),
		"-duration 8s":     {duration: 8 * time.Second, goroutines: 8, rate: 10_000},
		"-duration 1h":     {duration: time.Hour, goroutines: 8, rate: 10_000},
		"-goroutines 1024": {duration: 15 * time.Second, goroutines: 1024, rate: 10_000},
		"-rate 0 -keep":    {duration: 15 * time.Second, goroutines: 8, keep: true},
		"--rate=10000000":  {duration: 15 * time.Second, goroutines: 8, rate: 10_000_000},
		"-sink https://logs.example.com/push?tenant=a": {
			duration: 15 * time.Second, goroutines: 8, rate: 10_000,
			sink: "https://logs.example.com/push?tenant=a",
		},
	}
	for line, want := range cases {
		t.Run(line, func(t *testing.T) {
			got, err := parseFlags(strings.Fields(line))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

// A flag that cannot be used is one line on stderr that names the flag, the value and what would do, and status 2.
func TestBadFlags(t *testing.T) {
	cases := map[string][]string{
		"-duration soon":        {`"soon"`, "-duration", "3s", "1h"},
		"-duration 2.9s":        {`"2.9s"`, "-duration", "3s", "1h"},
		"-duration 61m":         {`"61m"`, "-duration", "3s", "1h"},
		"-duration 15":          {`"15"`, "-duration", "3s", "1h"},
		"-goroutines 0":         {`"0"`, "-goroutines", "1 to 1024"},
		"-goroutines 1025":      {`"1025"`, "-goroutines", "1 to 1024"},
		"-rate -1":              {`"-1"`, "-rate", "0 to 10000000"},
		"-rate 1e3":             {`"1e3"`, "-rate", "0 to 10000000"},
		"-rate 10000001":        {`"10000001"`, "-rate", "0 to 10000000"},
		"-sink localhost:1":     {`"localhost:1"`, "-sink", "http://"},
		"-sink ftp://host":      {`"ftp://host"`, "-sink", "https://"},
		"-sink http:///x":       {`"http:///x"`, "-sink", "host"},
		"-sink http://:80/":     {`"http://:80/"`, "-sink", "host"},
		"-sink http://a:99999/": {`"http://a:99999/"`, "-sink", "1 to 65535"},
		"-keep=perhaps":         {`"perhaps"`, "-keep", "true or false"},
		"-rate":                 {"-rate", "argument"},
		"-loud":                 {"-loud"},
		"8s":                    {`"8s"`},
	}
	for line, names := range cases {
		t.Run(line, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, exitUsage, run(context.Background(), strings.Fields(line), &stdout, &stderr))
			assert.Empty(t, stdout.String())
			message := stderr.String()
			assert.Equal(t, 1, strings.Count(message, "\n"), message)
			assert.True(t, strings.HasPrefix(message, "outage: ") && strings.HasSuffix(message, "\n"), message)
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
		"-duration D", "3s to 1h (default 15s)", "-goroutines N", "1 to 1024 (default 8)",
		"-rate N", "0 to 10000000 (default 10000)", "-sink URL", "-keep", "-h", "Exit status",
	} {
		assert.Contains(t, stdout.String(), name)
	}
	for line := range strings.Lines(stdout.String()) {
		assert.LessOrEqual(t, len(line), 112, line)
	}
}
