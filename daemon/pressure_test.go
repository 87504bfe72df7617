package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"dispatcherd/daemon/dispatch"
)

// pausable is a queue that is full and would pause, and a server whose queue is as full as it says.
type pausable struct {
	full, pressed bool
	used          float64
	err           error
	asked         int
}

func (p *pausable) Queue() dispatch.Queue {
	return dispatch.Queue{Full: p.full, Paused: p.full && !p.pressed, Pressed: p.pressed}
}

func (p *pausable) Press(now bool) { p.pressed = now }

func (p *pausable) usage(context.Context) (float64, error) {
	p.asked++
	return p.used, p.err
}

func TestPressureEndsAPauseAboveOneHalfAndAllowsItBelowAQuarter(t *testing.T) {
	t.Parallel()
	q, log := &pausable{}, &lockedBuffer{}
	p := &pressure{queue: q, usage: q.usage, log: slog.New(slog.NewTextHandler(log, nil))}
	for _, step := range []struct {
		what  string
		full  bool
		used  float64
		err   error
		asked bool
		want  bool
	}{
		{"there is room", false, 0.9, nil, false, false},
		{"a pause begins", true, 0.5, nil, true, false},
		{"more than half", true, 0.51, nil, true, true},
		{"it falls", true, 0.25, nil, true, true},
		{"no answer changes nothing", true, 0, errors.New("away"), true, true},
		{"nor do two", true, 0, errors.New("away"), true, true},
		{"our own queue has room", false, 0.3, nil, true, true},
		{"less than a quarter", true, 0.24, nil, true, false},
		{"it rises again", true, 1, nil, true, true},
	} {
		before := q.asked
		q.full, q.used, q.err = step.full, step.used, step.err
		p.look(t.Context())
		if q.pressed != step.want || (q.asked > before) != step.asked {
			t.Errorf("%s: pressed is %v, asked is %v; want %v, %v", step.what, q.pressed, q.asked > before, step.want, step.asked)
		}
	}
	for text, want := range map[string]int{"event=postgres-full": 2, "is not known": 1, "pauses the reading again": 1} {
		if n := strings.Count(log.String(), text); n != want {
			t.Errorf("%d lines with %q, want %d:\n%s", n, text, want, log)
		}
	}
}
