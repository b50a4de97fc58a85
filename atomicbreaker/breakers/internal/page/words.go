// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// words writes an underscored name, such as that of a state or a cause, as words.
func words(name fmt.Stringer) string { return spaced(name.String()) }

func spaced(name string) string {
	if name == atomicbreaker.HalfOpen.String() {
		return "half-open"
	}
	return strings.ReplaceAll(name, "_", " ")
}

// span writes a duration in its two largest units, such as 12s, 3m 05s, 2h 07m or 4d 03h.
func span(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	s := int64(d / time.Second)
	switch {
	case d < time.Millisecond:
		return "<1ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh %02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd %02dh", s/86400, s/3600%24)
	}
}

// age writes how long ago something was. It is coarser than span, so that the rows of breakers that
// do not change need no update each second.
func age(d time.Duration) string {
	switch {
	case d < time.Second:
		return "<1s"
	case d < time.Minute:
		return span(d)
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	default:
		return span(d)
	}
}

// ahead writes how long something will take, rounded up, so that 0s never shows while it has not
// happened.
func ahead(d time.Duration) string {
	return span((d + time.Second - 1).Truncate(time.Second))
}

// clock writes a time of day, with the date unless it is that of now.
func clock(now, at time.Time) string {
	now, at = now.UTC(), at.UTC()
	if now.YearDay() == at.YearDay() && now.Year() == at.Year() {
		return at.Format("15:04:05")
	}
	return at.Format("2006-01-02 15:04:05")
}

// number writes n with commas between thousands.
func number[T int | int64 | uint64 | uint32](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	if n > 0 {
		digits = strconv.FormatUint(uint64(n), 10)
	}
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// bytesOf writes a number of bytes in binary units.
func bytesOf(n int64) string {
	units := "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	i := -1
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if f < 10 {
		return fmt.Sprintf("%.1f %ciB", f, units[i])
	}
	return fmt.Sprintf("%.0f %ciB", f, units[i])
}

// plural writes a number and a noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// sentence says in which states breakers are, the worst first.
func sentence(s States) string {
	total := s.Sum()
	if total == 0 {
		return "no breakers"
	}
	if total == s.Closed {
		if total == 1 {
			return "1 breaker, closed"
		}
		return fmt.Sprintf("%s breakers, all closed", number(total))
	}
	var parts []string
	for _, state := range severity {
		if n := s.Of(state); n > 0 {
			parts = append(parts, number(n)+" "+words(state))
		}
	}
	return plural(total, "breaker") + ": " + strings.Join(parts, ", ")
}
