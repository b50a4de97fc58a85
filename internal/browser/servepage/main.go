// SPDX-License-Identifier: Apache-2.0

// Servepage serves the debug page with made-up breakers, some of which keep changing, for those who
// work on the page. It ends after an hour, or at an interrupt.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/internal/browser/scene"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if err := serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "servepage:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:8086")
	if err != nil {
		return err
	}
	s := scene.New(100 * time.Millisecond)
	defer runtime.KeepAlive(s) // the registry does not keep its breakers
	s.Add(250)
	flapping := s.Registry.MustNew("flapping", atomicbreaker.WithRecoveryTimeout(5*time.Second), atomicbreaker.WithFailureThreshold(1))
	go flap(ctx, flapping)
	control := breakers.WithControl(func(*http.Request) bool { return true }) // it listens on loopback
	server := &http.Server{Handler: s.Registry.Handler(control), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.WithoutCancel(ctx))
	}()
	fmt.Printf("the debug page, with controls: http://%s/ (interrupt to end)\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// flap lets every third call fail, each 2 seconds.
func flap(ctx context.Context, b *atomicbreaker.Breaker) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = b.Do(func() error {
				if i%3 == 0 {
					return errors.New("write tcp 10.0.0.9:24224: broken pipe")
				}
				return nil
			})
		}
	}
}
