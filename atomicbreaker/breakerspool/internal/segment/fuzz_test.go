// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReader writes records, damages the segment, and appends bytes. The Reader returns frames that
// were written, each at its offset, and what it calls damage is everything else.
func FuzzReader(f *testing.F) {
	f.Add([]byte("first\n\xffsecond\n\xff\xfflast\n"), []byte(nil), []byte(nil))
	f.Add([]byte("first\n\xffsecond\n\xffthird\n\xfflast\n"), []byte{0, 0, 30, 3}, []byte("tail"))
	f.Add(bytes.Repeat([]byte("0123456789\xff"), 20), []byte{1, 0, 100, 30, 2, 0, 60, 26, 0, 1, 0, 7}, build([]byte("inside\n")))
	f.Add(bytes.Repeat([]byte("x"), 5000), []byte{3, 0, 48, 0}, make([]byte, 4096))
	f.Fuzz(func(t *testing.T, records, edits, tail []byte) {
		file := AppendHeader(nil, salt)
		written := make(map[int64][]byte)
		for data := range bytes.SplitSeq(records, []byte{0xff}) {
			written[int64(len(file))] = data
			file = AppendFrame(file, salt.Sums(), int64(len(file)), 5, data)
		}
		whole := bytes.Clone(file)
		edited := file[HeaderSize:]
		for ; len(edits) >= 4; edits = edits[4:] {
			edited = damage(edited, edits[0], int(edits[1])<<8|int(edits[2]), int(edits[3]))
		}
		isWhole := len(tail) == 0 && bytes.Equal(whole[HeaderSize:], edited)
		file = append(append(AppendHeader(nil, salt), edited...), tail...)

		var r Reader
		r.Reset(bytes.NewReader(file), salt.Sums(), HeaderSize, int64(len(file)))
		read := 0
		at := int64(HeaderSize)
		for {
			frame, err := r.Next()
			var d *DamageError
			switch {
			case errors.As(err, &d):
				require.Equal(t, at, d.Offset)
				require.Greater(t, d.End, d.Offset)
				require.Equal(t, int64(len(file)) == d.End, d.Tail)
				at = d.End
				continue
			case errors.Is(err, io.EOF):
				require.Equal(t, int64(len(file)), at)
				require.True(t, !isWhole || read == len(written), "records are missing, and nothing is damaged")
				return
			}
			require.NoError(t, err)
			require.Equal(t, at, frame.Offset)
			data, ok := written[frame.Offset]
			require.True(t, ok && bytes.Equal(data, frame.Data), "%q was not written at %d", frame.Data, frame.Offset)
			require.EqualValues(t, 5, frame.Time.UnixNano())
			at = frame.End
			read++
		}
	})
}

// damage changes a file at some place: a flipped bit, zeros, a copy of other bytes, or a cut.
func damage(file []byte, kind byte, at, n int) []byte {
	if at >= len(file) {
		return file
	}
	switch kind % 4 {
	case 0:
		file[at] ^= 1 << (n % 8)
	case 1:
		clear(file[at:min(at+n, len(file))])
	case 2:
		copy(file[at:], bytes.Clone(file[:min(n*4, len(file))]))
	default:
		return file[:at]
	}
	return file
}
