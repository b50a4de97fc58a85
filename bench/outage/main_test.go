// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

var errSink = errors.New("the sink is out")

// forgetful is the environment variable that makes a sink of these tests lie: it acknowledges each
// 100th record without storing it.
const forgetful = "OUTAGE_TEST_FORGETFUL"

// TestMain is the sink's main when the demo under test starts its own binary, which is this one.
func TestMain(m *testing.M) {
	if addr, path, ok := sink.ChildArgs(); ok && os.Getenv(forgetful) != "" {
		forgetfulSink(addr, path)
	}
	sink.RunIfChild()
	if path := os.Getenv(returnedTo); path != "" {
		noteReturned(path)
	}
	if os.Getenv(asDemo) != "" {
		main()
	}
	os.Exit(m.Run())
}

func forgetfulSink(addr, path string) {
	file, err := sink.OpenRecords(path)
	if err != nil {
		os.Exit(1)
	}
	var n atomic.Int64 // the server's handlers run at the same time
	_ = sink.Serve(addr, writerFunc(func(p []byte) (int, error) {
		if n.Add(1)%100 == 0 {
			return len(p), nil
		}
		return file.Write(p)
	}), os.Stdin, os.Stdout)
	os.Exit(0)
}
