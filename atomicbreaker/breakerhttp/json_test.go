// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestJSONTime(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-11-27T10:00:00.123456789+01:00","msg":"x"}`:  "2026-11-27T09:00:00.123456789Z",
		`{"time":"2026-11-27T10:00:00Z"}`:                           "2026-11-27T10:00:00Z",
		` { "level" : "info" , "time" : "2026-11-27T10:00:00Z" } `:  "2026-11-27T10:00:00Z",
		`{"a":{"time":1},"b":[{"time":2}],"c":"\"","time":3,"d":4}`: "1970-01-01T00:00:03Z",
		`{"time":1700000000}`:                                       "2023-11-14T22:13:20Z",
		`{"time":1700000000.25}`:                                    "2023-11-14T22:13:20.25Z",
		`{"time":1700000000.1234567899,"x":0}`:                      "2023-11-14T22:13:20.123456789Z",
		`{"a":true,"b":null,"c":-1.5e3,"time":7}`:                   "1970-01-01T00:00:07Z",
		`{"a":"time","time":7}`:                                     "1970-01-01T00:00:07Z",
		`{"time":7`:                                                 "",
		`{"time":"2026-11-27 10:00:00"}`:                            "", // another format
		`{"time":"2026-11-27T10:00:00Z`:                             "",
		`{"time":1.7e9}`:                                            "",
		`{"time":1.-5}`:                                             "",
		`{"time":}`:                                                 "",
		`{"time":null}`:                                             "",
		`{"time":true}`:                                             "",
		`{"time":""}`:                                               "",
		`{"time":"}`:                                                "",
		`{"time"}`:                                                  "",
		`{"times":1}`:                                               "",
		`{"a":{"time":1}}`:                                          "",
		`{}`:                                                        "",
		`{`:                                                         "",
		`["time",1]`:                                                "",
		`time=1`:                                                    "",
		``:                                                          "",
		`{"a":"\`:                                                   "",
		`{"time":99999999999999999999}`:                             "",
	} {
		at, ok := JSONTime("time")([]byte(line))
		require.Equal(t, want != "", ok, line)
		if ok {
			require.Equal(t, want, at.UTC().Format(time.RFC3339Nano), line)
		}
	}
}

// The field is found wherever it is in an object, and only at its top.
func TestJSONTime_Property(t *testing.T) {
	value := rapid.Deferred(func() *rapid.Generator[any] { return values(3) })
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOf(rapid.StringMatching(`[a-y"\\{},:]{0,4}`), value).Draw(t, "object")
		delete(object, "time")
		seconds := rapid.Int64Range(0, 1<<33).Draw(t, "seconds")
		if rapid.Bool().Draw(t, "has a time") {
			object["time"] = seconds
		}
		line, err := json.Marshal(object)
		require.NoError(t, err)
		at, ok := JSONTime("time")(line)
		_, has := object["time"]
		require.Equal(t, has, ok, "%s", line)
		if has {
			require.Equal(t, seconds, at.Unix(), "%s", line)
		}
	})
}

func values(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{
		rapid.StringMatching(`[a-z"\\{}\[\],: ]{0,6}`).AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(),
	}
	if depth > 0 {
		inner := values(depth - 1)
		plain = append(plain, rapid.SliceOfN(inner, 0, 3).AsAny(),
			rapid.MapOfN(rapid.SampledFrom([]string{"time", "a", "}"}), inner, 0, 3).AsAny())
	}
	return rapid.OneOf(plain...)
}

// What is appended is what encoding/json reads back, and holds no byte that JSON forbids.
func TestAppendEscaped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\"\\\xe2\x80\xa8\xff\n")))).Draw(t, "s")
		text := append(appendEscaped([]byte(`"`), s), '"')
		require.True(t, json.Valid(text) && utf8.Valid(text), "%q", text)
		var got, want string
		require.NoError(t, json.Unmarshal(text, &got))
		standard, err := json.Marshal(string(s))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(standard, &want))
		require.Equal(t, want, got)
	})
}
