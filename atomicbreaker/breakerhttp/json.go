// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendEscaped appends s to b as the inside of a JSON string. Like encoding/json, it replaces each
// byte that is not part of valid UTF-8 by U+FFFD.
func appendEscaped(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRune(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case c >= utf8.RuneSelf:
			b = append(b, `\ufffd`...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		i += size
		start = i
	}
	return append(b, s[start:]...)
}

// plain tells which bytes stand for themselves in a JSON string, whatever is next to them.
var plain = func() (t [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// JSONTime returns a function for [WithLineTime] that reads the time from a field of a line that is
// a JSON object. The value is a string in the format of RFC 3339, as from log/slog ("time") and
// zerolog ("time"), or a number of seconds since 1970, as from zap ("ts"). It is found quickly if
// it is near the start of the line. The function returns false for any other line.
func JSONTime(field string) func(line []byte) (time.Time, bool) {
	name := []byte(`"` + field + `"`)
	return func(line []byte) (time.Time, bool) {
		v := fieldOf(line, name)
		if len(v) > 1 && v[0] == '"' {
			var t time.Time
			err := t.UnmarshalText(v[1 : len(v)-1])
			return t, err == nil
		}
		return parseUnix(string(v))
	}
}

// parseUnix parses a decimal number of seconds.
func parseUnix(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Contains(s, ".") && !isDigits(fraction) {
		return time.Time{}, false
	}
	fraction = (fraction + "000000000")[:9]
	nanoseconds, err := strconv.ParseInt(fraction, 10, 64)
	return time.Unix(seconds, nanoseconds), err == nil
}

// fieldOf returns the value of a member of a JSON object, or nil. name includes its quotes. Only
// strings and numbers are of interest, so the value of anything else is not exact.
func fieldOf(line, name []byte) []byte {
	rest, ok := bytes.CutPrefix(skipSpace(line), []byte("{"))
	for ok {
		var key, value []byte
		key, rest = cutValue(skipSpace(rest))
		if rest, ok = bytes.CutPrefix(skipSpace(rest), []byte(":")); !ok {
			return nil
		}
		value, rest = cutValue(skipSpace(rest))
		if bytes.Equal(key, name) {
			return value
		}
		rest, ok = bytes.CutPrefix(skipSpace(rest), []byte(","))
	}
	return nil
}

func skipSpace(s []byte) []byte {
	if len(s) > 0 && s[0] > ' ' {
		return s
	}
	return bytes.TrimLeft(s, " \t\r\n")
}

// cutValue splits s after its first JSON value. It does not check the value. If the value does not
// end, it is nil, and so is the rest.
func cutValue(s []byte) (value, rest []byte) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			n := stringLength(s[i:])
			if n == 0 {
				return nil, nil
			}
			i += n - 1
			if depth == 0 {
				return s[:i+1], s[i+1:]
			}
		case '{', '[':
			depth++
		case '}', ']', ',', ':':
			closes := s[i] == '}' || s[i] == ']'
			switch {
			case depth == 0:
				return bytes.TrimRight(s[:i], " \t\r\n"), s[i:]
			case closes && depth == 1:
				return s[:i+1], s[i+1:]
			case closes:
				depth--
			}
		}
	}
	return nil, nil
}

// stringLength returns the length of the JSON string at the start of s, with its quotes, or 0 if it
// does not end.
func stringLength(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
