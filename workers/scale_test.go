package workers

import (
	"math"
	"testing"
	"time"
)

func TestGrow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		least, most int
		load        load
		want        int
	}{
		{"empty pool starts its minimum", 2, 4, load{}, 2},
		{"nothing wanted", 0, 4, load{}, 0},
		{"one for each that waits", 0, 8, load{waiting: 5}, 5},
		{"no more than the maximum", 1, 4, load{waiting: 100}, 4},
		{"those on their way count", 1, 8, load{waiting: 3, usable: 2, alive: 2}, 1},
		{"busy ones are no help", 1, 8, load{busy: 2, waiting: 3, usable: 2, alive: 2}, 3},
		{"all are busy at the maximum", 1, 2, load{busy: 2, waiting: 3, usable: 2, alive: 2}, 0},
		{"leaving ones take room", 1, 4, load{waiting: 4, usable: 1, alive: 3}, 1},
		{"leaving ones are replaced", 2, 4, load{usable: 1, alive: 2}, 1},
		{"leaving ones fill the pool", 2, 2, load{usable: 0, alive: 2}, 0},
		{"more than are wanted", 1, 4, load{busy: 1, usable: 3, alive: 3}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{MinWorkers: tt.least, MaxWorkers: tt.most}
			if got := grow(cfg, tt.load); got != tt.want {
				t.Errorf("grow(min %d, max %d, %+v) = %d, want %d", tt.least, tt.most, tt.load, got, tt.want)
			}
		})
	}
}

func TestSurplus(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	for _, tt := range []struct {
		name  string
		least int
		spare int         // scaledown_reserve
		last  []time.Time // when as many workers as the index were needed
		load  load
		want  int
		again time.Time
	}{
		{"at the minimum", 2, 0, []time.Time{{}, {}, {}}, load{usable: 2}, 0, time.Time{}},
		{"all needed now", 0, 0, []time.Time{{}, {}, {}}, load{busy: 1, waiting: 1, usable: 2}, 0, time.Time{}},
		{"needed a while ago", 0, 0, []time.Time{{}, ago(15)}, load{usable: 1}, 1, time.Time{}},
		{"needed just now", 0, 0, []time.Time{{}, ago(14)}, load{usable: 1}, 0, now.Add(time.Second)},
		{"never needed", 0, 0, nil, load{usable: 1}, 0, now.Add(15 * time.Second)},
		{"several at once", 1, 0, []time.Time{{}, ago(20), ago(20), ago(20), ago(20)}, load{usable: 4}, 3, time.Time{}},
		{"down to the size that was needed", 0, 0, []time.Time{{}, ago(20), ago(5), ago(20), ago(20)}, load{usable: 4}, 2, now.Add(10 * time.Second)},
		{"down to what runs", 0, 0, []time.Time{{}, ago(20), ago(20), ago(20)}, load{busy: 1, waiting: 1, usable: 3}, 1, time.Time{}},
		{"down to the reserve", 0, 2, []time.Time{{}, ago(20), ago(20), ago(20), ago(20)}, load{usable: 4}, 2, time.Time{}},
		{"a reserve without bounds", 0, math.MaxInt, []time.Time{{}, ago(20), ago(20)}, load{busy: 1, usable: 2}, 0, time.Time{}},
		{"down to the reserve beyond what runs and waits", 0, 1, []time.Time{{}, ago(20), ago(20), ago(20), ago(20)}, load{busy: 1, waiting: 1, usable: 4}, 1, time.Time{}},
		{"the reserve is within the minimum", 3, 1, []time.Time{{}, ago(20), ago(20), ago(20), ago(20)}, load{busy: 1, usable: 4}, 1, time.Time{}},
		{"the reserve is more than there are", 0, 9, []time.Time{{}, ago(20), ago(20)}, load{usable: 2}, 0, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{MinWorkers: tt.least, MaxWorkers: 9, ScaledownWait: 15 * time.Second, ScaledownReserve: tt.spare}
			u := usage{last: tt.last}
			n, again := u.surplus(cfg, tt.load, now)
			if n != tt.want || !again.Equal(tt.again) {
				t.Errorf("surplus(min %d, %+v) = %d, %v, want %d, %v", tt.least, tt.load, n, again, tt.want, tt.again)
			}
		})
	}
}

func TestUnknownSizesWereNeededWhenALargerOneIsFirst(t *testing.T) {
	t.Parallel()
	var u usage
	now := time.Unix(1000, 0)
	u.needed(1, now)
	u.needed(3, now.Add(time.Second))
	for n, want := range []time.Time{now, now, now.Add(time.Second), now.Add(time.Second)} {
		if !u.last[n].Equal(want) {
			t.Errorf("%d workers were needed at %v, want %v", n, u.last[n], want)
		}
	}
}
