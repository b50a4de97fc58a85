// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxError is how many bytes of an error are shown, and maxRead how many are looked at.
const (
	maxError = 500
	maxRead  = 64 << 10
)

// Shown returns the text of an error without what may be secret: the queries, fragments and user
// names of URLs. The text is at most about 500 bytes long. It is empty if err is nil.
func Shown(err error) (text string) {
	if err == nil {
		return ""
	}
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("(the Error method of %T panics)", err)
		}
	}()
	text = err.Error()
	if len(text) > maxRead {
		text = text[:maxRead]
	}
	return shorten(redact(text), maxError)
}

// cut stands for what is not shown, as in [net/url.URL.Redacted].
const cut = "xxxxx"

// redact cuts the secrets of a text. It prefers to cut too much. A URL in double quotes, as in the
// errors of net/http, may contain spaces and ends at the closing quote.
func redact(s string) string {
	var out strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return r == '"' || unicode.IsSpace(r) })
		switch {
		case n < 0:
			n = len(s)
			fallthrough
		case n > 0:
			out.WriteString(redactURL(s[:n]))
		case s[0] == '"':
			inner := s[1:closing(s)]
			switch {
			case strings.HasSuffix(out.String(), "invalid port "): // of url.Parse; may be a password
				out.WriteString(`"` + cut)
				n = 1 + len(inner)
			case strings.Contains(firstWord(inner), "://") || strings.HasPrefix(inner, "/"):
				out.WriteString(`"` + redactURL(inner))
				n = 1 + len(inner)
			default:
				out.WriteByte('"')
				n = 1
			}
			if n == 1+len(inner) && n < len(s) {
				out.WriteByte('"')
				n++
			}
		default:
			_, n = utf8.DecodeRuneInString(s)
			out.WriteString(s[:n])
		}
		s = s[n:]
	}
	return out.String()
}

// closing returns the index of the quote that closes s, which begins with one, or the length of s.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s)
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// redactURL cuts the query, the fragment and the user of each URL in a word. A word may also be a
// path with a query, or a user and a password in front of a host.
func redactURL(word string) string {
	end := strings.IndexByte(word, '?')
	if strings.Contains(word, "://") {
		end = strings.IndexAny(word, "?#")
	}
	tail := ""
	if end >= 0 && end < len(word)-1 {
		word, tail = word[:end], word[end:]
	}
	parts := strings.Split(word, "://")
	for i := range parts {
		if i > 0 || len(parts) == 1 {
			parts[i] = redactUser(parts[i], i > 0, strings.Contains(tail, "@"))
		}
	}
	if tail != "" {
		tail = tail[:1] + cut
	}
	return strings.Join(parts, "://") + tail
}

// redactUser cuts the user in front of a host. If there is no scheme, a user without a password
// stays. cutAt says that there was another @ in the query: then a password may have contained the
// question mark.
func redactUser(s string, scheme, cutAt bool) string {
	authority := s
	if n := strings.IndexByte(s, '/'); n >= 0 && scheme {
		authority = s[:n]
	}
	at := strings.LastIndexByte(authority, '@')
	if !scheme {
		if at < 0 || !strings.Contains(authority[:at], ":") {
			return s
		}
		return cut + s[at:]
	}
	if at >= 0 {
		return cut + s[at:]
	}
	// What looks like a port is part of a password if it is not a number.
	port := authority[strings.LastIndexByte(authority, ':')+1:]
	if _, err := strconv.ParseUint(strings.TrimRight(port, `:,;.)]}'\`), 10, 16); err == nil ||
		len(port) == len(authority) || strings.HasSuffix(authority, ":") || strings.HasSuffix(port, "]") {
		return s
	}
	if at = strings.LastIndexByte(s, '@'); at >= 0 {
		return cut + s[at:]
	}
	if cutAt {
		return cut
	}
	return s
}

// shorten cuts s to about n bytes, between characters, and says how long it was.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:n], len(s))
}

// maxName is how many bytes of a name the HTML page shows.
const maxName = 200

// Visible returns s with everything that a terminal or a browser does not show as a character of
// its own as a Go escape: control characters, marks of the writing direction and invalid bytes.
func Visible(s string) string {
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return out.String()
}
