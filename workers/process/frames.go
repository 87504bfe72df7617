package process

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// A frame is a header of 16 bytes and a body. The header is little endian:
//
//	0  uint32  length of the body
//	4  uint8   kind, an ASCII letter
//	5  3 bytes zero
//	8  uint64  number of the task or request that it is about
//
// The body of a task is the message's JSON object, as it came. The body of a
// done frame begins with a fixed part of 24 bytes:
//
//	0  uint8   outcome: 1 succeeded, 2 failed, 3 cancelled
//	1  uint8   flags: bit 0, the worker leaves after this task; bit 1, a usage follows this
//	           part; bit 2, it cannot be all of it: other processes are in the worker's
//	           cgroup, or its memory has grown; bit 3, the worker begins the next of the
//	           tasks that it was handed ahead, and nothing that it has printed is unread
//	2  uint16  zero
//	4  uint32  length of the error text
//	8  float64 when the task began, Unix time in seconds
//	16 float64 when it ended
//
// then may come a usage of 56 bytes, of counters of the worker's process, with the children
// that it has waited for, which began with it:
//
//	0  float64 seconds of CPU time at the task's begin
//	8  float64 and at its end
//	16 uint64  bytes of memory, the largest resident set during the task
//	24 uint64  bytes read from block devices at its begin
//	32 uint64  and at its end
//	40 uint64  bytes written to block devices at its begin
//	48 uint64  and at its end
//
// then the error text and, to the end, the result as JSON (nothing: null).
const (
	headerSize = 16
	doneSize   = 24
	usageSize  = 56
	// The flags of a done frame.
	leavesFlag, measuredFlag, moreFlag, beginsFlag = 1, 2, 4, 8
	// maxBody is far above any message, and what a broken peer can make us hold.
	maxBody = 256 << 20
	// wireVersion is what a worker's hello must say.
	wireVersion = 1
)

// The kinds of frames: to the worker, then from the worker.
const (
	taskFrame   = 'T'
	cancelFrame = 'C'
	replyFrame  = 'R'
	stopFrame   = 'S'

	helloFrame   = 'H'
	doneFrame    = 'D'
	requestFrame = 'Q'
	logFrame     = 'L'
	leaveFrame   = 'X'
)

type frame struct {
	kind byte
	seq  uint64
	body []byte
}

// appendFrame adds the frame's bytes to b.
func appendFrame(b []byte, f frame) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.body)))
	b = append(b, f.kind, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, f.seq)
	return append(b, f.body...)
}

// cutFrame takes the first frame off b; ok is false while it is not complete.
// need is then how many bytes the frame has in all, 0 if that is not yet known.
func cutFrame(b []byte) (f frame, rest []byte, need int, err error) {
	if len(b) < headerSize {
		return frame{}, b, 0, nil
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxBody {
		return frame{}, b, 0, fmt.Errorf("frame of %d bytes, at most %d are allowed", size, maxBody)
	}
	need = headerSize + int(size)
	if len(b) < need {
		return frame{}, b, need, nil
	}
	f = frame{kind: b[4], seq: binary.LittleEndian.Uint64(b[8:]), body: b[headerSize:need]}
	return f, b[need:], 0, nil
}

// hello reads the body of a worker's first frame. The worker measures its tasks if it says
// what it has used before the first one.
func hello(body []byte) (meter, error) {
	var h struct {
		Version   int      `json:"version"`
		CPU       *float64 `json:"cpu"`       // seconds
		Residents []int    `json:"residents"` // processes that are in its cgroup by then
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return meter{}, fmt.Errorf("hello frame: %w", err)
	}
	if h.Version != wireVersion {
		return meter{}, fmt.Errorf("worker speaks version %d of the frames, the daemon version %d", h.Version, wireVersion)
	}
	if h.CPU == nil {
		return meter{}, nil
	}
	return meter{known: true, spent: supervisor.Spent{CPUEnd: seconds(*h.CPU)}, residents: h.Residents}, nil
}

// doneReport reads the body of a done frame. It keeps no part of body.
func doneReport(seq uint64, body []byte) (workers.Report, done, error) {
	size := doneSize
	if len(body) > 1 && body[1]&measuredFlag != 0 {
		size += usageSize
	}
	if len(body) < size {
		return workers.Report{}, done{}, fmt.Errorf("done frame of %d bytes", len(body))
	}
	r := workers.Report{Kind: workers.Done, Seq: seq, Stopping: body[1]&leavesFlag != 0, Begins: body[1]&beginsFlag != 0}
	d := done{measured: body[1]&measuredFlag != 0, more: body[1]&moreFlag != 0}
	switch body[0] {
	case 1:
		r.Outcome = workers.Succeeded
	case 2:
		r.Outcome = workers.Failed
	case 3:
		r.Outcome = workers.Cancelled
	default:
		return workers.Report{}, done{}, fmt.Errorf("done frame with outcome %d", body[0])
	}
	text, rest := binary.LittleEndian.Uint32(body[4:]), body[size:]
	if uint64(text) > uint64(len(rest)) {
		return workers.Report{}, done{}, errors.New("done frame whose error text is longer than itself")
	}
	if d.measured {
		d.spent = spentOf(body[doneSize:])
	}
	r.RunTime = seconds(float64At(body, 16) - float64At(body, 8))
	r.Error = string(rest[:text])
	if result := rest[text:]; len(result) > 0 {
		r.Result = append([]byte(nil), result...)
	}
	return r, d, nil
}

func float64At(b []byte, i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b[i:]))
}

func seconds(s float64) time.Duration {
	return max(0, time.Duration(s*float64(time.Second)))
}

// requestHead is the body of a control request up to its data, if there is any.
var requestHead = regexp.MustCompile(`^\{\s*"command"\s*:\s*("(?:[^"\\]|\\.)*")\s*(,\s*"data"\s*:)?`)

// requestReport reads the body of a bound task's control request. Its data is not looked
// into: it is JSON as Python has it, which may hold NaN, and whoever carries out the
// command says what is wrong with it. It keeps no part of body.
func requestReport(seq uint64, body []byte) (workers.Report, error) {
	at := requestHead.FindSubmatchIndex(body)
	if at == nil {
		return workers.Report{}, errors.New("control request without a command")
	}
	r := workers.Report{Kind: workers.Asked, Seq: seq}
	if err := json.Unmarshal(body[at[2]:at[3]], &r.Command); err != nil {
		return workers.Report{}, fmt.Errorf("control request: %w", err)
	}
	data, closed := bytes.CutSuffix(body[at[1]:], []byte("}"))
	if hasData := at[4] >= 0; !closed || hasData != (len(data) > 0) {
		return workers.Report{}, errors.New("control request with more than a command and its data")
	}
	if len(data) > 0 {
		r.Data = bytes.Clone(bytes.TrimSpace(data))
	}
	return r, nil
}

// leaveReport reads the body of a worker's last frame.
func leaveReport(body []byte) (workers.Report, error) {
	var x struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(body, &x); err != nil {
		return workers.Report{}, fmt.Errorf("leave frame: %w", err)
	}
	return workers.Report{Kind: workers.Leaving, Reason: x.Reason}, nil
}
