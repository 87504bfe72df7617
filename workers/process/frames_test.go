package process

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dispatcherd/workers"
)

// golden is a frame of the file that the Python tests read as well.
type golden struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Seq     uint64 `json:"seq"`
	Body    string `json:"body"`
	BodyHex string `json:"body_hex"`
	Hex     string `json:"hex"`
}

func readGolden(t *testing.T) []golden {
	t.Helper()
	text, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var frames []golden
	if err := json.Unmarshal(text, &frames); err != nil {
		t.Fatal(err)
	}
	if len(frames) == 0 {
		t.Fatal("no frames in the golden file")
	}
	return frames
}

func TestFramesAreThoseOfTheGoldenFile(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, g := range readGolden(t) {
		want, err := hex.DecodeString(g.Hex)
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(g.Body)
		if g.BodyHex != "" {
			if body, err = hex.DecodeString(g.BodyHex); err != nil {
				t.Fatal(err)
			}
		}
		kinds[g.Kind] = true
		if got := appendFrame(nil, frame{kind: g.Kind[0], seq: g.Seq, body: body}); !bytes.Equal(got, want) {
			t.Errorf("%s: appendFrame = %x, want %x", g.Name, got, want)
		}
		f, rest, _, err := cutFrame(append(want, 'x'))
		if err != nil || f.kind != g.Kind[0] || f.seq != g.Seq || !bytes.Equal(f.body, body) || string(rest) != "x" {
			t.Errorf("%s: cutFrame = %+v, %q, %v", g.Name, f, rest, err)
		}
	}
	for _, kind := range "TCRSHDQLX" {
		if !kinds[string(kind)] {
			t.Errorf("the golden file has no frame of kind %c", kind)
		}
	}
}

func TestGoldenBodiesAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, g := range readGolden(t) {
		body := []byte(g.Body)
		if g.BodyHex != "" {
			body, _ = hex.DecodeString(g.BodyHex)
		}
		var err error
		switch g.Kind[0] {
		case helloFrame:
			_, err = hello(body)
		case doneFrame:
			_, _, err = doneReport(g.Seq, body)
		case requestFrame:
			_, err = requestReport(g.Seq, body)
		case leaveFrame:
			_, err = leaveReport(body)
		}
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
}

func TestCutFrameWaitsForTheWholeFrame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := frame{
			kind: rapid.Byte().Filter(func(b byte) bool { return b != 0 }).Draw(t, "kind"),
			seq:  rapid.Uint64().Draw(t, "seq"), body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
		}
		whole := appendFrame(nil, want)
		cut := rapid.IntRange(0, len(whole)-1).Draw(t, "cut")
		if f, _, _, err := cutFrame(whole[:cut]); f.kind != 0 || err != nil {
			t.Fatalf("cutFrame of %d of %d bytes = %+v, %v", cut, len(whole), f, err)
		}
		f, rest, _, err := cutFrame(whole)
		if err != nil || len(rest) != 0 || f.kind != want.kind || f.seq != want.seq || !bytes.Equal(f.body, want.body) {
			t.Fatalf("cutFrame = %+v, %x, %v; want %+v", f, rest, err, want)
		}
	})
}

func TestCutFrameRefusesAnAbsurdLength(t *testing.T) {
	t.Parallel()
	header := binary.LittleEndian.AppendUint32(nil, maxBody+1)
	header = append(header, 'D', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)
	if _, _, _, err := cutFrame(header); err == nil || !strings.Contains(err.Error(), "268435457 bytes") {
		t.Errorf("cutFrame of a frame that is too long: %v", err)
	}
}

// doneBody is what a worker writes.
func doneBody(outcome, flags byte, began, ended float64, failure, result string) []byte {
	b := []byte{outcome, flags, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(failure)))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(began))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(ended))
	return append(append(b, failure...), result...)
}

func TestDoneReportReadsOutcomeErrorAndResult(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		body []byte
		want workers.Report
	}{
		{"succeeded", doneBody(1, 0, 10, 10.5, "", `{"a": NaN}`),
			workers.Report{Outcome: workers.Succeeded, Result: []byte(`{"a": NaN}`), RunTime: 500 * time.Millisecond}},
		{"null", doneBody(1, 0, 10, 10, "", ""), workers.Report{Outcome: workers.Succeeded}},
		{"failed and leaves", doneBody(2, 1, 10, 11, "ValueError: boom", ""),
			workers.Report{Outcome: workers.Failed, Error: "ValueError: boom", Stopping: true, RunTime: time.Second}},
		{"cancelled", doneBody(3, 0, 10, 11, "", ""), workers.Report{Outcome: workers.Cancelled, RunTime: time.Second}},
		{"the clock was set back", doneBody(1, 0, 10, 5, "", ""), workers.Report{Outcome: workers.Succeeded}},
	} {
		tt.want.Kind, tt.want.Seq = workers.Done, 7
		got, _, err := doneReport(7, tt.body)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

func TestDoneReportRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{
		"short":           make([]byte, doneSize-1),
		"unknown outcome": doneBody(9, 0, 1, 2, "", ""),
		"error too long":  doneBody(2, 0, 1, 2, "abc", "")[:doneSize+2],
	} {
		if r, _, err := doneReport(1, body); err == nil {
			t.Errorf("%s: doneReport = %+v, want an error", name, r)
		}
	}
}

func TestRequestKeepsItsDataAsPythonWroteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]workers.Report{
		`{"command": "alive"}`:                                    {Command: "alive"},
		`{"command":"running","data":{"task":"a.b"}}`:             {Command: "running", Data: []byte(`{"task":"a.b"}`)},
		`{"command": "running", "data": {"args": [NaN]}}`:         {Command: "running", Data: []byte(`{"args": [NaN]}`)},
		`{"command": "run", "data": {"a": -Infinity, "b": "}"} }`: {Command: "run", Data: []byte(`{"a": -Infinity, "b": "}"}`)},
		`{"command": "a\", \"data\": \u00fc", "data": 7}`:         {Command: `a", "data": ü`, Data: []byte(`7`)},
		`{"command": "x", "data": null}`:                          {Command: "x", Data: []byte(`null`)},
	} {
		want.Kind, want.Seq = workers.Asked, 7
		body := []byte(text)
		got, err := requestReport(7, body)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		clear(body) // its bytes belong to the next frame
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", text, diff)
		}
	}
	for _, body := range []string{``, `{}`, `[1]`, `{"command": 5}`, `{"command": "x"`, `{"command": "x", "data":}`, `{"command": "x", "more": 1}`, `{"command": "x"} y`} {
		if r, err := requestReport(7, []byte(body)); err == nil {
			t.Errorf("%s is taken for %+v, want an error", body, r)
		}
	}
}

func TestHelloOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	_, err := hello([]byte(`{"version":2}`))
	if err == nil || err.Error() != "worker speaks version 2 of the frames, the daemon version 1" {
		t.Errorf("hello of version 2: %v", err)
	}
}
