// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVerdictCountsEachRecordOnce(t *testing.T) {
	v := Verdict{Primary: Contents{Records: 4}, Fallback: Contents{Records: 4}}
	v = v.Complete(Tally{1, 2, 1, 0, 0, 0}, Tally{1, 0, 0, 2, 1, 0})
	assert.Equal(t, 6, v.Offered)
	assert.Equal(t, 3, v.InSink)
	assert.Equal(t, 2, v.Stranded)
	assert.Equal(t, 1, v.Lost)
	assert.Equal(t, 3, v.Undelivered())
	assert.Equal(t, 3, v.Duplicated, "of records 0, 1 and 3")
}

func TestVerdictProblem(t *testing.T) {
	for want, v := range map[string]Verdict{
		"": {Offered: 3, InSink: 3, Duplicated: 1},
		"records were found that nobody logged: 2": {
			Primary: Contents{foreign: 1}, Fallback: Contents{foreign: 1},
		},
		"1 record is neither in the sink nor in the fallback: 7": {
			Lost: 1, lost: []uint64{7}, Stranded: 1,
		},
		"2 records were neither acknowledged by the sink nor found in the fallback: 7, 8": {
			Lost: 2, lost: []uint64{7, 8}, Believed: true,
		},
		"6 records are still in the spool and not in the sink: 1, 2, …": {
			Stranded: 6, stranded: []uint64{1, 2},
		},
	} {
		assert.Equal(t, want, v.Problem(true))
	}
	assert.Empty(t, Verdict{Stranded: 6}.Problem(false), "they may stay in the fallback")
}
