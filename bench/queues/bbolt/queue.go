// SPDX-License-Identifier: Apache-2.0

// Package bbolt has go.etcd.io/bbolt, a database in one file. The file does not shrink.
package bbolt

import (
	"encoding/binary"
	"io"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Queue is a bucket whose keys are sequence numbers.
var Queue = scenario.Queue{Name: "bbolt", Open: open}

var bucket = []byte("queue")

func open(dir string, durable bool) (scenario.OpenQueue, error) {
	db, err := bbolt.Open(filepath.Join(dir, "queue.db"), 0o600, &bbolt.Options{NoSync: !durable})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	if err != nil {
		return nil, err
	}
	return queue{db}, nil
}

type queue struct{ *bbolt.DB }

func (q queue) Append(record []byte) error { return q.Fill(1, record) }

func (q queue) Fill(n int, record []byte) error {
	return q.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		b.FillPercent = 1 // keys only grow
		for range n {
			number, err := b.NextSequence()
			if err != nil {
				return err
			}
			if err := b.Put(binary.BigEndian.AppendUint64(nil, number), record); err != nil {
				return err
			}
		}
		return nil
	})
}

// Drain forgets the records at once.
func (q queue) Drain(sink io.Writer, batches bool) error {
	batch := scenario.Batch{Sink: sink, Whole: batches}
	err := q.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(_, record []byte) error {
			_, err := batch.Write(record)
			return err
		})
	})
	if err != nil {
		return err
	}
	if err := batch.Flush(); err != nil {
		return err
	}
	return q.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(bucket); err != nil {
			return err
		}
		_, err := tx.CreateBucket(bucket)
		return err
	})
}
