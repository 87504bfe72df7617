package commands

import (
	"context"
	"fmt"
	"maps"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"

	"dispatcherd/control"
)

// named runs a goroutine with a name that starts n others, until the end of the test.
func named(t *testing.T, name string, n int) {
	t.Helper()
	var all, started sync.WaitGroup
	end := make(chan struct{})
	wait := func() { started.Done(); <-end }
	started.Add(n + 1)
	all.Go(func() {
		pprof.Do(t.Context(), pprof.Labels(control.TaskLabel, name), func(context.Context) {
			for range n {
				all.Go(wait)
			}
			wait()
		})
	})
	started.Wait()
	t.Cleanup(func() { close(end); all.Wait() })
}

// stacks asks for the goroutines.
func stacks(t *testing.T, data string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, value := range newTable(&fake{}).Do(t.Context(), "aio_tasks", Call{Data: []byte(data)}).Reply {
		entry, ok := value.(map[string]any)
		stack, isText := entry["stack"].(string)
		if !ok || !isText || len(entry) != 2 || entry["done"] != false {
			t.Fatalf("%s is %v, want done (false) and stack", name, value)
		}
		found[name] = stack
	}
	return found
}

func TestGoroutinesAreListedByName(t *testing.T) {
	t.Parallel()
	name := `a "quoted" täsk`
	named(t, name, 3)
	found := stacks(t, `{}`)
	own, ok := found[name]
	if !ok {
		t.Fatalf("there is no %s among %d", name, len(found))
	}
	lines := strings.Split(strings.TrimSuffix(own, "\n"), "\n")
	if len(lines) > 1+usualDepth {
		t.Errorf("the stack has %d lines, want at most a heading and %d:\n%s", len(lines), usualDepth, own)
	}
	if want := fmt.Sprintf("Stack for %s (most recent call last):", name); lines[0] != want {
		t.Errorf("the stack begins with %q, want %q", lines[0], want)
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "  aiotasks_test.go:") || !strings.Contains(last, ", in dispatcherd/control/commands.named.") {
		t.Errorf("the last call is shown as %q", last)
	}
	others := ""
	for other, stack := range found {
		if strings.HasPrefix(other, name+"/control/commands.named") {
			others += stack
		}
	}
	if !strings.Contains(others, "Stack for 3 goroutines "+name+"/") {
		t.Errorf("the three that it has started are shown as:\n%s", others)
	}
}

func TestLimitIsTheNumberOfCalls(t *testing.T) {
	t.Parallel()
	named(t, "limited", 0)
	for limit, want := range map[string]string{
		"0":    "No stack for limited\n",
		"-1":   "No stack for limited\n",
		"1":    "Stack for limited (most recent call last):\n  aiotasks_test.go:",
		"null": ", in runtime/pprof.Do\n",
		"200":  ", in runtime/pprof.Do\n",
	} {
		stack := stacks(t, `{"limit": `+limit+`}`)["limited"]
		if !strings.Contains(stack, want) || limit == "1" && strings.Count(stack, "\n") != 2 {
			t.Errorf("with limit %s the stack is %q, want %q in it", limit, stack, want)
		}
	}
}

func TestGoroutinesOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	named(t, "twin", 0)
	var end sync.WaitGroup
	ready, leave := make(chan struct{}), make(chan struct{})
	end.Go(func() {
		pprof.Do(t.Context(), pprof.Labels(control.TaskLabel, "twin"), func(context.Context) { close(ready); <-leave })
	})
	<-ready
	defer end.Wait()
	defer close(leave)
	found := stacks(t, `{}`)
	if found["twin"] == "" || found["twin-2"] == "" || found["twin"] == found["twin-2"] {
		t.Errorf("they are shown as %q and %q", found["twin"], found["twin-2"])
	}
}

// It does not run beside the others, which would not find theirs in the crowd.
func TestOfManyGoroutinesAThousandAreShown(t *testing.T) {
	for i := range mostStacks + 5 {
		named(t, fmt.Sprintf("crowd %d", i), 0)
	}
	found := stacks(t, `{"limit": 1}`)
	more := slices.DeleteFunc(slices.Collect(maps.Keys(found)), func(name string) bool { return !strings.HasSuffix(name, " more") })
	if len(found) != mostStacks+1 || len(more) != 1 || found[more[0]] != "No stack for "+more[0]+"\n" {
		t.Errorf("%d are shown, and %q", len(found), more)
	}
}

func TestGoroutineWithoutANameHasThatOfItsFunction(t *testing.T) {
	t.Parallel()
	all := parseGoroutines(`goroutine profile: total 2
1 @ 0x1 0x2
#	0x1	os/signal.signal_recv+0x29		/usr/local/go/src/runtime/sigqueue.go:152
#	0x2	os/signal.loop+0x13			/usr/local/go/src/os/signal/signal_unix.go:23

2 @ 0x3 0x4
# labels: {"other":"x", "task":"pool"}
#	0x3	dispatcherd/workers.(*Pool).live+0x1	/src/workers/live.go:24
#	0x4	sync.(*WaitGroup).Go.func1+0x49		/usr/local/go/src/sync/waitgroup.go:258

`)
	if len(all) != 2 || all[0].name() != "os/signal.loop" || all[1].name() != "pool/workers.(*Pool).live" || all[1].count != 2 {
		t.Fatalf("parsed %+v", all)
	}
	const want = "Stack for 2 goroutines pool/workers.(*Pool).live (most recent call last):\n" +
		"  waitgroup.go:258, in sync.(*WaitGroup).Go.func1\n  live.go:24, in dispatcherd/workers.(*Pool).live\n"
	if got := all[1].stack(6); got != want {
		t.Errorf("the stack is %q, want %q", got, want)
	}
}
