// SPDX-License-Identifier: Apache-2.0

// Package scene makes up the breakers of a program that has some trouble, for the page to show.
package scene

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Scene keeps its breakers in memory.
type Scene struct {
	Registry *breakers.Registry
	breakers []*atomicbreaker.Breaker
	tenants  *breakers.Group[int]
	minute   time.Duration
}

// Breaker returns the first breaker of that name.
func (s *Scene) Breaker(name string) *atomicbreaker.Breaker {
	for _, b := range s.breakers {
		if b.Name() == name {
			return b
		}
	}
	return nil
}

// writes and backlog are parts with fixed counts.
type (
	writes  breakerio.Stats
	batches breakerio.BatchStats
	backlog guard.Backlog
)

func (w *writes) Stats() breakerio.Stats       { return breakerio.Stats(*w) }
func (b *batches) Stats() breakerio.BatchStats { return breakerio.BatchStats(*b) }
func (b *backlog) Backlog() guard.Backlog      { return guard.Backlog(*b) }

// The errors of the sinks.
var (
	errLoki = &url.Error{
		Op: "Post", URL: "https://logs:secret@loki.internal:3100/loki/api/v1/push?tenant=7&token=eyJhbGciOi",
		Err: errors.New("503 Service Unavailable"),
	}
	errKafka  = errors.New("kafka: broker 3 is not available: dial tcp 10.0.4.13:9092: connect: connection refused")
	errOTLP   = errors.New("rpc error: code = ResourceExhausted desc = 429 Too Many Requests, retry after 90s")
	errSyslog = errors.New("write udp 10.0.0.4:514: i/o timeout")
	errQuota  = errors.New("429 Too Many Requests: the tenant is over its quota")
	errDisk   = errors.New("write /var/log/audit.log: no space left on device")
)

// New makes the scene. It takes an hour in which a minute lasts as long as the argument says, so
// that a test with virtual time sees real times, and a person does not wait. Nothing is random.
func New(minute time.Duration) *Scene {
	s := &Scene{Registry: breakers.NewRegistry(), minute: minute}
	recovery := atomicbreaker.WithRecoveryTimeout
	stdout := s.add("stdout")
	s.attach(stdout, &writes{})
	files := s.add("file")
	s.attach(files, &writes{})
	audit := s.add("audit", recovery(2*minute), atomicbreaker.WithFailureThreshold(1))
	s.attach(audit, &writes{Fallback: 418, Failed: 6, Rejected: 412, Torn: 2, Outages: 1})
	syslog := s.add("syslog", recovery(2*minute), atomicbreaker.WithBackoff(16*minute), atomicbreaker.WithFailureThreshold(10))
	s.attach(syslog, &writes{Fallback: 20_391, Lost: 17, Failed: 214, Rejected: 20_177, Busy: 17, Late: 3, Outages: 4})
	kafka := s.add("kafka-events", recovery(5*minute))
	s.attach(kafka, &writes{Fallback: 96_120, Failed: 14, Rejected: 96_106, Outages: 2})
	s.attach(kafka, &backlog{
		Records: 96_120, Bytes: 48 << 20, Oldest: time.Now().Add(21 * minute), Appended: 241_502, Replayed: 145_382,
	})
	otlp := s.add("otlp-collector", recovery(3*minute), atomicbreaker.WithHalfOpenMaxCalls(4), atomicbreaker.WithSuccessThreshold(8))
	s.attach(otlp, &writes{Fallback: 8_204, Failed: 61, Rejected: 8_143, Slow: 12, Outages: 1})
	s.attach(otlp, &batches{Records: 1_204_118, Batches: 4_703, Waiting: 212_480})
	loki := s.add("loki", recovery(4*minute), atomicbreaker.WithBackoff(32*minute))
	s.attach(loki, &writes{Fallback: 1_204, Lost: 0, Failed: 25, Rejected: 1_179, Outages: 3})
	s.attach(loki, &backlog{Records: 1_204, Bytes: 611 << 10, Oldest: time.Now().Add(48 * minute), Appended: 9_320, Replayed: 8_116})
	debug := s.add("debug-tail")
	debug.ForceOpen()
	metrics := s.add("metrics-gateway", recovery(minute))
	s.attach(metrics, &writes{Fallback: 12, Failed: 10, Rejected: 2, Outages: 2})
	s.add("alerts").ForceClosed()
	s.tenants = breakers.NewGroup(s.Registry, 4096, func(int) []atomicbreaker.Option {
		return []atomicbreaker.Option{recovery(10 * minute), atomicbreaker.WithProbeTimeout(0)}
	}, breakers.WithGroupName("tenants"))
	for tenant := range 1870 {
		s.tenants.Get(tenant)
	}

	s.pass(4)
	s.fail(syslog, 10, errSyslog)
	s.fail(audit, 1, errDisk)
	s.fail(metrics, 5, errSyslog)
	s.pass(3)
	s.probe(syslog, errSyslog)
	s.probe(audit, nil)
	s.probe(metrics, nil)
	s.pass(5)
	s.probe(syslog, nil)
	s.fail(loki, 5, errLoki)
	s.pass(2)
	s.fail(syslog, 10, errSyslog)
	s.pass(3)
	s.probe(loki, errLoki)
	s.pass(4)
	s.fail(kafka, 5, errKafka)
	s.pass(6)
	s.probe(loki, nil)
	s.probe(syslog, nil)
	s.probe(kafka, errKafka)
	s.pass(6)
	s.fail(otlp, 5, errOTLP)
	s.probe(kafka, errKafka)
	s.pass(5)
	s.fail(loki, 5, errLoki)
	s.probe(otlp, errOTLP)
	s.probe(kafka, errKafka)
	s.pass(5)
	s.fail(files, 3, errDisk)
	s.probe(otlp, nil)
	s.hold(otlp)
	for _, tenant := range []int{17, 204, 388, 1024, 1311, 1650, 1651} {
		s.fail(s.tenants.Get(tenant), 5, errQuota)
	}
	s.probe(loki, errLoki)
	s.pass(1)
	return s
}

func (s *Scene) add(name string, opts ...atomicbreaker.Option) *atomicbreaker.Breaker {
	b := s.Registry.MustNew(name, append([]atomicbreaker.Option{atomicbreaker.WithProbeTimeout(0)}, opts...)...)
	s.breakers = append(s.breakers, b)
	return b
}

// Add adds n breakers without a transition.
func (s *Scene) Add(n int) {
	for i := range n {
		s.add(fmt.Sprintf("shard-%03d", i))
	}
}

func (s *Scene) attach(b *atomicbreaker.Breaker, part any) {
	if err := s.Registry.Attach(b, part); err != nil {
		panic(err)
	}
}

// pass waits for some minutes and a little more, so that a recovery timeout of as long is over.
func (s *Scene) pass(minutes int) { time.Sleep(time.Duration(minutes)*s.minute + s.minute/20) }

func (s *Scene) fail(b *atomicbreaker.Breaker, n int, err error) {
	for range n {
		_ = b.Do(func() error { return err })
	}
}

// probe is a call that ends with err.
func (s *Scene) probe(b *atomicbreaker.Breaker, err error) { s.fail(b, 1, err) }

// hold is a call that does not end.
func (s *Scene) hold(b *atomicbreaker.Breaker) { _, _ = b.TryAcquire() }
