package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"dispatcherd/daemon/message"
)

// printable keeps what others have named (tasks, uuids) from moving the cursor or breaking a line.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// cell is a value in a table: text as it is, null and empty text as a dash, what is composed as JSON.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case string:
		if v == "" {
			return "-"
		}
		return printable(v)
	case message.Number:
		return string(v)
	default:
		return string(message.Encode(value))
	}
}

// duration is a number of seconds as people write it.
func duration(value any) string {
	seconds, ok := number(value)
	if !ok || math.Abs(seconds) > math.MaxInt64/float64(time.Second) {
		return cell(value)
	}
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}

// size is a number of bytes as limits are written: 512M, 1.5G.
func size(value any) string {
	n, ok := number(value)
	if !ok {
		return cell(value)
	}
	const units = "KMGT"
	unit := ""
	for i := 0; math.Abs(n) >= 1024 && i < len(units); i++ {
		n, unit = n/1024, units[i:i+1]
	}
	return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") + unit
}

// number is a JSON number that is an ordinary one.
func number(value any) (float64, bool) {
	text, ok := value.(message.Number)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// numbered splits "worker-10" into its name and its number; text without one has number -1.
func numbered(text string) (name string, n int) {
	name, digits, ok := strings.Cut(text, "-")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 {
		return text, -1
	}
	return name, n
}
