package dispatch

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"dispatcherd/daemon/message"
)

func TestQueueBehavesAsASlice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f fifo
		var model []*task
		t.Repeat(map[string]func(*rapid.T){
			"push": func(*rapid.T) {
				x := newTask(&message.Message{}, nil)
				f.push(&x.place)
				model = append(model, x)
			},
			"push in front": func(*rapid.T) {
				x := newTask(&message.Message{}, nil)
				f.pushFront(&x.place)
				model = slices.Insert(model, 0, x)
			},
			"remove": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(model)-1).Draw(t, "i")
				f.remove(&model[i].place)
				model = slices.Delete(model, i, i+1)
			},
			"": func(t *rapid.T) {
				var got []*task
				for i, x := range f.all() {
					if i != len(got) {
						t.Fatalf("position %d after %d tasks", i, len(got))
					}
					got = append(got, x)
				}
				if !slices.Equal(got, model) || f.n != len(model) {
					t.Fatalf("the queue holds %d (n = %d) tasks, the slice %d, or in another order", len(got), f.n, len(model))
				}
			},
		})
	})
}
