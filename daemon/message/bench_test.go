package message

import (
	"strings"
	"testing"
)

// ordinary is a task as the Python publisher writes it, 200 bytes long.
const ordinary = `{"task": "shop.jobs.send_mail", "time_pub": 1700000000.2512345, "uuid": "0b7c2a86-5bfb-4a4b-8e0b-6f0c5f3f4e11", ` +
	`"args": [4711, "order"], "kwargs": {"retry": true, "to": "a@example.org"}, "delay": 0.0 }`

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"200B":  ordinary,
		"8KiB":  strings.Replace(ordinary, "4711", `"`+strings.Repeat("text ", 1600)+`"`, 1),
		"8KiB1": strings.Replace(ordinary, "4711", strings.Repeat(`{"b": 1.5, "a": [1, "x"]}, `, 300)+"1", 1),
	} {
		b.Run(name, func(b *testing.B) {
			payload := []byte(text)
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
