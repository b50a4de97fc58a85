// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// servePage serves the debug page of the breakers on this machine, with controls, until stop is
// called. It returns the address of the page.
func servePage(r *breakers.Registry) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	everyone := func(*http.Request) bool { return true } // of this machine
	server := &http.Server{
		Handler:           r.Handler(breakers.WithControl(everyone)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if errors.Is(server.Shutdown(ctx), context.DeadlineExceeded) {
			_ = server.Close()
		}
		<-served
	}
	return "http://" + listener.Addr().String() + "/", stop, nil
}
