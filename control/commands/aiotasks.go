package commands

import (
	"context"
	"fmt"
)

const (
	usualDepth = 6   // calls of a stack, when the request does not say
	allDepth   = 128 // more than this the runtime does not keep
	mostStacks = 1000
)

// aioTasks lists the goroutines, which are what the original's asyncio tasks are here.
// One that has ended is not listed: done is always false.
func aioTasks(_ *Table, _ context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	limit, err := wholeNumber(data, "limit", usualDepth, allDepth)
	if err != nil {
		return Answer{}, err
	}
	all, err := goroutines()
	if err != nil {
		return Answer{}, err
	}
	reply := make(map[string]any, min(len(all), mostStacks))
	if more := len(all) - mostStacks; more > 0 {
		all = all[:mostStacks]
		name := fmt.Sprintf("%d more", more)
		reply[name] = map[string]any{"done": false, "stack": "No stack for " + name + "\n"}
	}
	for _, g := range all {
		name := g.name()
		for n := 2; reply[name] != nil; n++ {
			name = fmt.Sprintf("%s-%d", g.name(), n)
		}
		reply[name] = map[string]any{"done": false, "stack": g.stack(limit)}
	}
	return Answer{Reply: reply}, nil
}
