// SPDX-License-Identifier: Apache-2.0

// Package breakerspool keeps the records that a sink did not take on disk, and writes them to the
// sink when it is back.
//
//	spool, err := breakerspool.Open("/var/spool/app/loki")
//	b := atomicbreaker.MustNew("loki")
//	w := breakerio.NewWriter(b, loki, spool)
//	logger := slog.New(slog.NewJSONHandler(w, nil))
//	go spool.Replay(ctx, b, loki, breakerspool.WithBatch(256<<10))
//
// A [Spool] is a queue in a directory. It is the fallback of a breakerio.Writer, and [Spool.Replay]
// empties it through the same breaker: oldest record first, each at least once. It survives the
// death of the process, and with [SyncAlways] a loss of power. It holds nothing in memory but the
// records in hand, and its files stay below [WithMaxBytes].
//
// # Guarantees
//
// Nothing acknowledged is lost. A record whose Write returned without an error is in the spool
// until the sink has taken it, unless the spool gives it up, which is counted in [Stats] and
// reported to [WithOnDrop]. How much a crash can take depends on [WithSync]:
//
//	mode          the process dies    the machine loses power
//	SyncNever     nothing             what the system has not written back, on Linux some 30 s
//	SyncInterval  nothing             the records of one interval, and of the time a sync takes
//	SyncAlways    nothing             nothing
//
// If Write returns an error, the record is not in the spool, and the breakerio.Writer counts and
// reports it as lost. There is one exception: if the error was a failed sync and the machine then
// loses power, the record may come back.
//
// At least once. Replay forgets a record after the sink has taken it. If the process dies between
// the two, the next one repeats the records of one write. A loss of power repeats what was taken
// since the last sync. A write that fails may have reached the sink, and is repeated. What this
// process repeats is counted in [Stats.Repeated].
//
// In order. If one Write returned before another began, its record reaches the sink first. Three
// cases are outside of this. Live records do not wait for the spool; use [Spool.DrainFirst] if they
// must. A crash and a failure repeat records. And behind a record that the sink refuses, Replay may
// write a later one as a trial: that record arrives early, and possibly twice. See Poison.
//
// # Limits
//
//   - [WithMaxBytes], 1 GiB by default: past it the spool deletes records that were set aside, and
//     then drops its oldest segment, a file of 8 MiB by default.
//   - [WithMaxAge], off by default.
//   - [WithMinFree], 256 MiB by default: with less free on the disk, Write fails, and works again
//     when there is room. Nothing is dropped for it.
//
// The size limit covers segments, acknowledgments and rejected records, at every instant, and is
// enforced again by Open. Ages are measured by the wall clock. If it is set forward, records look
// older; if it is set back, they are kept longer.
//
// # Replay
//
// Each write of Replay takes a permit of the breaker, so it waits while the breaker is open, and no
// log call waits for it. When the recovery timeout is over, its write may be the probe: a process
// that logs nothing drains its spool all the same. One write is in progress at a time. After a
// failure Replay waits for 100 ms, doubling up to 10 s, or until the breaker closes.
//
// [WithBatch] joins records into larger writes, for sinks that take lines. [WithRate] limits the
// records per second, to leave room for live records. [WithTransform] changes each record.
//
// The sink of Replay must be safe for concurrent use with live records: a connection of its own, or
// a breakerio.Lane with a width of 2 or more. It is the bare sink. A breakerio.Writer would spool
// every record again, and Replay refuses it.
//
// If the sink may take only a part of a write, give Replay a connection of its own. The Writer and
// Replay each repair the lines that they have torn, but not each other's. On a shared stream, the
// next line of one is glued to the torn line of the other, and a reader loses both.
//
// # Poison
//
// A record that the sink refuses for good does not stop the queue. A refused write is halved until
// the bad record stands alone. It is then set aside, in the directory rejected below that of the
// spool, if its error is one of [WithRecordErrors], or if the sink of Replay has refused it three
// times and taken other records in between. To find out, Replay writes the next record as a trial:
// when the breaker shows that the sink takes live records, and otherwise after seven refusals in a
// row, and after every fifty from then on. A live record alone proves nothing, because Replay may
// have a connection of its own. So a bad record stays until others follow it in the spool. Set
// WithRecordErrors for a sink that tells bad records from its own failures; without it, a sink that
// is down and a sink that refuses one record look the same for a while.
//
// Setting a bad record aside never drops another record of the queue, and ignores WithMinFree. If
// WithMaxBytes leaves no room for it, or ten attempts to write it to the directory rejected fail,
// the bad record is given up, and [Drop.Err] says why.
//
// # Loki, and other sinks that refuse old records
//
// Loki accepts records of a stream only up to half of max_chunk_age, by default one hour, behind
// the newest one. After a longer outage it refuses the replayed records with status 400, because
// live records of the same stream were first. Replay under another label, which makes another
// stream:
//
//	breakerspool.WithTransform(func(r breakerspool.Record) []byte {
//		return append([]byte(`{"replayed":true,`), r.Data[1:]...) // a JSON object per line
//	})
//
// or use [Spool.DrainFirst], and let all records pass through the spool in order until it is empty.
// Give Replay a WithRecordErrors that knows status 400, so that records that are too old are set
// aside at once.
//
// # At 3 a.m.
//
// [Stats] has the backlog, its oldest record, and what was given up. The command shows what a
// directory holds, whether or not a process has it open, and writes nothing. Run it as the user of
// the process:
//
//	go install github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/cmd/breakerspool@latest
//	breakerspool ls /var/spool/app/loki
//	breakerspool cat /var/spool/app/loki | grep error
//	breakerspool cat /var/spool/app/loki/rejected
//
// What you may see, and what to do. While a process has the directory open, delete nothing in it
// but rejected.
//
//   - The backlog grows: the sink is down, or slower than the log. Look at the breaker's state and
//     at the error of its last transition.
//   - Records are rejected: look at them with cat, and at the error in [Drop.Err]. When the cause
//     is gone, pipe them to the sink, then delete the directory rejected.
//   - The disk is full: Write fails, and works again when there is room. Delete the directory
//     rejected first; the next bad record creates it again.
//   - Open fails with [ErrInUse]: the error names the process that has the directory open. Give
//     each process a directory of its own.
//   - The process is gone for good: let another one open the directory and call Replay. Or pipe the
//     output of cat to the sink, then delete the directory. The file lock names the process that
//     opened it last; on Linux, "flock -n /var/spool/app/loki/lock true" fails while one has it
//     open.
//   - Records are corrupt, and ls ends with status 1: the disk or another program changed the
//     files. The undamaged records are replayed. A file NAME.bad has lost its header, so that none
//     of its records can be recognized. The spool deletes it when it needs the room.
//   - A segment cannot be read: [Drop.Err] and ls name it. Records that can be read are replayed.
//     Replay tries the others for half a minute, reports them as dropped, and goes on behind them.
//     The file stays where it is, and the next Open tries again. The spool deletes it when it needs
//     the room. If the whole directory cannot be read, nothing is dropped: Open fails, and Replay
//     waits.
//
// # Files
//
// The directory has segments NAME.seg of framed records, logs NAME.ack of what the sink has taken,
// the directory rejected with segments of its own, and a file lock, which is never removed. It
// names the process that opened the directory last, except on AIX and Solaris. Each frame has a
// checksum that covers a random number of its segment and its place in it, so that bytes inside a
// record are never taken for a record. A new process never appends to an old segment. A torn tail
// is cut off; damage elsewhere is skipped up to the next frame that checks. Both are counted in
// [Stats.Corrupt].
//
// Only the owner of the process may read the files. One process at a time can open a directory; the
// lock works on local disks, not on NFS. Plan 9 and WebAssembly have no such lock, and Open fails
// there. On Windows directories are not synced, so a loss of power may take the newest segment. A
// process that runs into a file size limit (RLIMIT_FSIZE) must ignore SIGXFSZ, which otherwise ends
// every Go program.
package breakerspool
