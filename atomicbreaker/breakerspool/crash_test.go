// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

const crashDir = "spool"

// crashKind is what crashes.
type crashKind uint8

const (
	processDies crashKind = iota
	powerFails
	crashKinds
)

// crashes yields each disk after each crash of a run, with what was known then.
func (r *crashRun) crashes(d *fakeDisk, log crashLog, kind crashKind, yield func(at string, d *fakeDisk, log crashLog)) {
	d = d.clone()
	for i, e := range r.trace {
		if e.note != nil {
			log = e.note(log)
			continue
		}
		at := fmt.Sprintf("event %d, %v", i, e.op)
		if kind == processDies {
			d.deaths(e.op, func(c *fakeDisk) { yield(at, c, log) })
			d.apply(e.op)
		} else {
			// The operation is done as far as the process knows, and none of it is durable before.
			d.apply(e.op)
			d.powerLosses(func(c *fakeDisk) { yield(at, c, log) })
		}
	}
	if kind == processDies {
		yield("end", d.clone(), log)
	}
}

// TestCrash_ProcessDeath kills the process of each program before each of its changes of the disk,
// and in each write after each byte. What the kernel was given stays.
func TestCrash_ProcessDeath(t *testing.T) { testCrashes(t, processDies, 10000) }

// TestCrash_PowerLoss takes the power away after each change of the disk. What a sync did not cover
// may be lost, in parts and in any order. Only the fake disk can show this: no test here takes the
// power from a real one.
func TestCrash_PowerLoss(t *testing.T) { testCrashes(t, powerFails, 90000) }

func testCrashes(t *testing.T, kind crashKind, atLeast int) {
	t.Helper()
	total := 0
	eachCrashProgram(t, func(t *testing.T, p crashProgram) {
		t.Helper()
		if kind == powerFails && !p.promises() {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			r := runProgram(t, p, emptyDisk(), nil)
			r.crashes(emptyDisk(), nil, kind, func(at string, d *fakeDisk, log crashLog) {
				total++
				if err := checkCrash(p, kind, d, log); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
			})
		})
	})
	t.Logf("%d states after a crash", total)
	assert.GreaterOrEqual(t, total, atLeast)
}

// TestCrash_Twice crashes small programs, runs another one on each disk that is left, and crashes
// that one too: each combination of a killed process and a loss of power.
func TestCrash_Twice(t *testing.T) {
	const most = 2 // first crashes of a program that are followed
	second := func(r *crashRun) {
		r.write(1)
		r.replay(1, nil)
		r.write(1)
	}
	total := 0
	eachCrashProgram(t, func(t *testing.T, p crashProgram) {
		t.Helper()
		switch p.name {
		case "2 records", "emptied and reopened", "taken in the middle of a frame", "killed and synced by the next process":
		default:
			return
		}
		for first := range crashKinds {
			for kind := range crashKinds {
				if kind == powerFails && !p.promises() {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					type state struct {
						at  string
						d   *fakeDisk
						log crashLog
					}
					var states []state
					r := runProgram(t, p, emptyDisk(), nil)
					r.crashes(emptyDisk(), nil, first, func(at string, d *fakeDisk, log crashLog) {
						states = append(states, state{at, d, log})
					})
					step := max(1, len(states)/most)
					for i := 0; i < len(states); i += step {
						s := states[i]
						log := s.log
						if first == powerFails {
							log = log.afterPowerLoss()
						}
						again := p
						again.run = second
						r := runProgram(t, again, s.d, log)
						r.crashes(s.d, log, kind, func(at string, d *fakeDisk, log crashLog) {
							total++
							if err := checkCrash(p, kind, d, log); err != nil {
								t.Fatalf("first crash at %s, second at %s: %v", s.at, at, err)
							}
						})
					}
				})
			}
		}
	})
	t.Logf("%d states after two crashes", total)
	assert.GreaterOrEqual(t, total, 30000)
}

// TestCrash_EachFault makes each operation of each program fail, and then kills the process or
// takes the power away at the end. A write that fails leaves half of its bytes. What a failed sync
// covered is lost with the power, whatever is synced later.
func TestCrash_EachFault(t *testing.T) { testFaults(t, 1) }

// TestCrash_TwoFaults makes each two operations in a row fail.
func TestCrash_TwoFaults(t *testing.T) { testFaults(t, 2) }

func testFaults(t *testing.T, inRow int) {
	t.Helper()
	total := 0
	eachCrashProgram(t, func(t *testing.T, p crashProgram) {
		t.Helper()
		for failing := 0; ; failing++ {
			reached := 0
			synctest.Test(t, func(t *testing.T) {
				r := &crashRun{t: t, config: p.config, disk: emptyDisk(), faulty: true}
				r.disk.observe = r.observed
				r.open()
				n := 0
				var at fakeOp
				r.disk.fails = func(o fakeOp) error {
					if n++; n <= failing || reached == inRow {
						return nil
					}
					reached++
					at = o
					r.lost = r.lost || o.kind == opSync
					return errFault
				}
				p.run(r)
				r.disk.fails = nil
				if reached == 0 {
					return
				}
				r.faulty = false
				r.write(1) // works again
				r.disk.observe = nil
				total++
				if err := checkCrash(p, processDies, r.disk.clone(), r.log.afterFault()); err != nil {
					t.Fatalf("%v failed: %v", at, err)
				}
				if p.config.sync != SyncAlways && p.name != "synced again and again" {
					return
				}
				r.disk.powerLosses(func(d *fakeDisk) {
					total++
					log := r.log.afterFault()
					for i := range log {
						// A record whose Write failed may be on the disk, though the process has cut it off.
						log[i].refused = false
					}
					if err := checkCrash(p, powerFails, d, log); err != nil {
						t.Fatalf("%v failed, and power was lost: %v", at, err)
					}
				})
			})
			if reached == 0 || t.Failed() {
				return
			}
		}
	})
	t.Logf("%d states after a failed operation", total)
	assert.GreaterOrEqual(t, total, 4000)
}

var errFault = errors.New("fault")
