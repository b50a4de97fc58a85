// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// answering is a writer that takes n bytes and returns err. n < 0 stands for all of them.
type answering struct {
	n   int
	err error
}

func (a answering) Write(p []byte) (int, error) {
	if a.n < 0 {
		return len(p), a.err
	}
	return a.n, a.err
}

func TestCountersOfReplay(t *testing.T) {
	const lines = "{\"seq\":0}\n{\"seq\":2}\n"
	var c Counters
	var taken Acknowledgements
	for _, sink := range []answering{{0, errors.New("the sink is out")}, {len(lines) - 1, nil}} {
		n, err := c.Replay(sink, &taken).Write([]byte(lines))
		assert.Equal(t, sink.n, n)
		assert.Equal(t, sink.err, err)
	}
	assert.Zero(t, c.Now().Replayed)
	assert.Empty(t, taken.Seen)

	_, _ = c.Replay(answering{n: -1}, &taken).Write([]byte(lines))
	_, _ = c.Replay(answering{n: -1}, nil).Write([]byte(lines))
	assert.EqualValues(t, 4, c.Now().Replayed, "one a line")
	assert.Equal(t, Tally{1, 0, 1}, taken.Seen)
	assert.Equal(t, Counts{Replayed: 4}, c.Now())
	assert.Equal(t, Counts{Replayed: 3}, c.Now().Minus(Counts{Replayed: 1}))
}
