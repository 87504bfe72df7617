package message

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// ordinary is a task as the Python publisher writes it, 200 bytes long.
const ordinary = `{"task": "shop.jobs.send_mail", "time_pub": 1700000000.2512345, "uuid": "0b7c2a86-5bfb-4a4b-8e0b-6f0c5f3f4e11", ` +
	`"args": [4711, "order"], "kwargs": {"retry": true, "to": "a@example.org"}, "delay": 0.0 }`

// enlarged is the ordinary task with a longer first argument.
func enlarged(argument string) string { return strings.Replace(ordinary, "4711", argument, 1) }

// texts are payloads by a name that says what is special.
var texts = []struct{ name, text string }{
	{"small", `{"task": "a.b"}`},
	{"200B", ordinary},
	{"8KiB", enlarged(`"` + strings.Repeat("text ", 1600) + `"`)},
	{"8KiB1", enlarged(strings.Repeat(`{"b": 1.5, "a": [1, "x"]}, `, 300) + "1")},
	{"1MB", enlarged(`"` + strings.Repeat("text ", 200_000) + `"`)},
	{"1MB1", enlarged(strings.Repeat(`{"b": 1.5, "a": [1, "x"]}, `, 37_000) + "1")},
	{"escapes", enlarged(`"` + strings.Repeat(`\u00e9\"\\ \ud83d\ude00`, 50) + `"`)},
	{"floats", enlarged(strings.Repeat("1e300, -0.1, NaN, 12345678901234567890, ", 25) + "Infinity")},
	{"keys", strings.TrimSuffix(ordinary, "}") + strings.Repeat(`, "args": [1], "shelf": null`, 40) + "}"},
	{"deep", enlarged(strings.Repeat(`{"a": [`, 100) + strings.Repeat(`]}`, 100))},
	{"bare", "shop.jobs.send_mail"},
}

func BenchmarkParse(b *testing.B) {
	for _, bm := range texts {
		b.Run(bm.name, func(b *testing.B) {
			payload := []byte(bm.text)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseRefused is payloads of which nothing becomes a task.
func BenchmarkParseRefused(b *testing.B) {
	for _, bm := range []struct{ name, text string }{
		{"cut short", strings.TrimSuffix(ordinary, "}")},
		{"list", "[" + ordinary + "]"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			payload := []byte(bm.text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(payload); err == nil {
					b.Fatal("it was taken")
				}
			}
		})
	}
}

// BenchmarkValueKey is what it takes to know whether a value is the same to Python.
func BenchmarkValueKey(b *testing.B) {
	for _, bm := range []struct{ name, value string }{
		{"text", `"0b7c2a86-5bfb-4a4b-8e0b-6f0c5f3f4e11"`},
		{"list", `[4711, "order", 1.5, true, null]`},
		{"ordered", `{"a": 1, "b": 2, "c": 3, "d": 4}`},
		{"unordered", `{"d": 4, "c": 3, "b": 2, "a": 1}`},
		{"nested", strings.Repeat(`{"b": 1, "a": [`, 20) + strings.Repeat(`]}`, 20)},
		{"8KiB", `["` + strings.Repeat("text ", 1600) + `"]`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			value := []byte(bm.value)
			b.ReportAllocs()
			for b.Loop() {
				ValueKey(value)
			}
		})
	}
}

func BenchmarkSetLabels(b *testing.B) {
	m, err := Parse([]byte(ordinary))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		fresh := *m
		fresh.SetLabels(fresh.UUID(), "app_tasks")
	}
}

func BenchmarkIntake(b *testing.B) {
	a := NewAssembler(0, nil)
	payload := []byte(ordinary)
	b.ReportAllocs()
	for b.Loop() {
		whole, _, _ := a.Add(payload)
		m, err := Parse(whole)
		if err != nil {
			b.Fatal(err)
		}
		m.SetLabels(m.UUID(), "app_tasks")
	}
}

func BenchmarkSplit(b *testing.B) {
	for _, limit := range []int{1024, 7999} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			text := []byte(enlarged(`"` + strings.Repeat("text ", 20_000) + `"`))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Split(text, limit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAssemble is messages in parts, each under an id of its own: two parts, which is usual, and
// 100 KB over the socket, from the first part to the last and the other way.
func BenchmarkAssemble(b *testing.B) {
	for _, bm := range []struct {
		name      string
		size      int
		backwards bool
	}{{"2 parts", 1200, false}, {"100KB", 100_000, false}, {"100KB backwards", 100_000, true}} {
		b.Run(bm.name, func(b *testing.B) {
			parts, err := Split([]byte(enlarged(`"`+strings.Repeat("x", bm.size)+`"`)), 1024)
			if err != nil {
				b.Fatal(err)
			}
			if bm.backwards {
				slices.Reverse(parts)
			}
			assemble(b, parts, bm.size)
		})
	}
}

func assemble(b *testing.B, parts [][]byte, size int) {
	a := NewAssembler(time.Hour, time.Now)
	at := strings.Index(string(parts[0]), `"message_id":"`) + len(`"message_id":"`)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for n := uint32(0); b.Loop(); n++ {
		id := [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
		for i, part := range parts {
			hex.Encode(part[at:], id[:])
			_, done, err := a.Add(part)
			if err != nil || done != (i == len(parts)-1) {
				b.Fatalf("part %d of %d: done %v, %v", i+1, len(parts), done, err)
			}
		}
	}
}
