package process

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// sizes are bodies of frames, in bytes.
var sizes = []int{200, 8 << 10, 1 << 20}

func BenchmarkAppendFrame(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			f := frame{kind: taskFrame, seq: 7, body: bytes.Repeat([]byte("x"), size)}
			scratch := appendFrame(nil, f)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				scratch = appendFrame(scratch[:0], f)
			}
		})
	}
}

// BenchmarkCutFrame is a stream of a hundred frames that have all arrived.
func BenchmarkCutFrame(b *testing.B) {
	var stream []byte
	for seq := range uint64(100) {
		stream = appendFrame(stream, frame{kind: doneFrame, seq: seq, body: measuredBody("", `{"rows": 4711}`)})
	}
	b.ReportAllocs()
	for b.Loop() {
		for rest := stream; len(rest) > 0; {
			var err error
			if _, rest, _, err = cutFrame(rest); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDoneReport(b *testing.B) {
	for _, bm := range []struct {
		name string
		body []byte
	}{
		{"nothing", doneBody(1, 0, 10, 10.25, "", "")},
		{"measured", measuredBody("", "")},
		{"result", measuredBody("", `{"rows": 4711}`)},
		{"error", measuredBody("ValueError: there are no rows", "")},
		{"large result", measuredBody("", `"`+string(bytes.Repeat([]byte("x"), 1<<20))+`"`)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := doneReport(7, bm.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRequestReport(b *testing.B) {
	for _, body := range []string{`{"command": "alive"}`, `{"command": "running", "data": {"task": "app.tasks.work", "uuid": "u"}}`} {
		b.Run(fmt.Sprintf("%dB", len(body)), func(b *testing.B) {
			request := []byte(body)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := requestReport(7, request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// measuredBody is a done body with the counters of its worker, all of them zero.
func measuredBody(failure, result string) []byte {
	body := doneBody(1, measuredFlag, 10, 10.25, failure, result)
	return slices.Insert(body, doneSize, make([]byte, usageSize)...)
}
