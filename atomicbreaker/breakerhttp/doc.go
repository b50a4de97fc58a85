// SPDX-License-Identifier: Apache-2.0

// Package breakerhttp puts a circuit breaker between a program and an HTTP server that takes
// records, such as Grafana Loki or an OTLP collector. It uses only the standard library.
//
// It has two parts. Use one of them for each server:
//
//   - [Sink] is an io.Writer that posts lines. It goes below a breakerio.Writer, which asks the
//     breaker and has the fallback.
//   - [Transport] is an [http.RoundTripper]. It goes into the [http.Client] of a library that sends
//     records itself, and rejects requests while the breaker is open.
//
// # A logger that writes to Loki
//
// On two cores of an AMD EPYC, this chain took 860,000 records of 200 bytes per second, and 720,000
// with gzip, with the server in the same process (BenchmarkChain). No log call waits for the server,
// and what the server does not take is in the file:
//
//	sink := breakerhttp.NewSink(nil, "http://loki:3100/loki/api/v1/push",
//		breakerhttp.Loki(map[string]string{"service_name": "shop"},
//			breakerhttp.WithLineTime(breakerhttp.JSONTime("time"))))
//	b := atomicbreaker.MustNew("loki", atomicbreaker.WithRetryAfter(breakerhttp.RetryAfter))
//	w := breakerio.NewWriter(b, sink, file, breakerio.WithRecordErrors(breakerhttp.IsRecordError))
//	batcher := breakerio.NewBatcher(w,
//		breakerio.WithBatchBytes(1<<20), breakerio.WithMaxBytes(64<<20))
//	logger := slog.New(slog.NewJSONHandler(batcher, nil))
//
// A write of the Batcher is one request, so the breaker is asked once per batch. The Sink has a
// deadline of its own, so it needs no breakerio.Lane. [NDJSON] and [WithEncoder] are for other
// servers.
//
// WithRetryAfter and WithRecordErrors are required for the breaker to read the errors of the Sink:
// without the first, a 429 counts as one failure, and without the second, a malformed record counts
// as a failure of the server.
//
// To send the records of the fallback later, make it a breakerspool.Spool. Give its Replay the same
// breaker, breakerspool.WithRecordErrors(breakerhttp.IsRecordError), and a second Sink. Loki
// refuses entries that are more than an hour older than the newest one of their stream, so give the
// second Sink a label of its own, such as replayed="true".
//
// # A client that is not a Sink
//
// An OTLP exporter, for example:
//
//	b := atomicbreaker.MustNew("otlp")
//	transport := breakerhttp.NewTransport(b, nil)
//	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
//	exporter, err := otlploghttp.New(ctx, otlploghttp.WithHTTPClient(client))
//
// A request that is rejected fails with an error that matches [atomicbreaker.ErrRejected], before
// it reaches the server. A Transport has no fallback: the client decides what happens to its
// records. Turn the client's own retries off, or put them above the Transport, where each one is a
// call of its own.
//
// # What counts
//
//	response or error                   Transport                  Sink below a Writer
//	2xx                                 success                    success
//	3xx                                 success                    failure
//	400, 413                            success                    none: the record is at fault
//	401, 403, 407, 408                  failure                    failure
//	other 4xx                           success                    failure
//	429, 503 with Retry-After           open for that time         open for that time
//	429 without Retry-After             failure (WithOutcome)      failure
//	5xx                                 failure                    failure
//	no answer, deadline                 failure                    failure
//	context of the request canceled     none                       cannot happen
//
// The two columns differ because a Transport sees all requests of a client, of which any may be
// wrong, and a Sink sends only records, which the server must take.
//
// The deadline of a request counts as a failure even if the caller has set it, because a server
// that hangs fails in no other way. A context that ended before the request does not count, and
// such a request is not sent.
//
// By default the outcome is known when the header of the response arrives. [WithBodyOutcome] waits
// for the end of the body, for clients that need it. A Sink needs only the status.
//
// # Retry-After
//
// A number of seconds, also with a decimal fraction, and a date in any of the three formats of
// HTTP are understood. A date counts from the Date header of the response, because the clocks may
// differ. [WithMaxRetryAfter] limits the time to 5 minutes by default. A time that is 0, negative
// or in the past, and a header that is neither a number nor a date, are as if there were no header.
//
// The breaker never shortens an open period for a Retry-After. It ignores one of a request that
// was sent before the breaker opened and closed again.
//
// # One breaker, asked once
//
// A request must be admitted by its breaker once. With the same breaker in a Writer (or a Replay)
// and in the Transport of its Sink, each probe of the Writer needs a second one in the Transport,
// and the breaker never closes again. Under a Writer or a Replay, give the Sink a plain client.
// breakerio.NewWriter and [NewTransport] panic, and Replay returns an error, where they can see the
// mistake: in the client of a Sink, also behind a breakerio.Lane, but not behind another
// RoundTripper, such as that of a tracing library.
//
// # Loss and duplicates
//
// A record is at the server when the server has answered its request with a 2xx. If the server
// stored a batch but its answer was lost or late, the batch is also in the fallback. Loki answers
// 400 if it refused only some entries of a request, so then the others are in both as well. If Loki
// gets an entry twice in one stream with the same time, it keeps one.
//
// If the server answers 413, the Sink sends the batch in two halves, once. Set
// breakerio.WithBatchBytes below the limit of the server, because what is still too large goes to
// the fallback as a record error, which does not open the breaker.
//
// # Secrets
//
// No error contains the user, password, query or fragment of a URL, or the value of a header. An
// error that goes through a client other than that of a Sink is wrapped by net/http, which adds the
// query of the URL.
package breakerhttp
