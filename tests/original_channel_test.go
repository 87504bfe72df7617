package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// startTwo starts two daemons, north and south, that listen to one database:
// each to the channel of its name, and both to "both".
func startTwo(t *testing.T) (north, south *daemon, db *postgres.Database) {
	t.Helper()
	db = postgres.Shared(t).NewDatabase(t)
	open := func(node string) *daemon {
		toml := config(t, fmt.Sprintf("%s\nenv = { APP_NODE = %q }", withOriginal(t), node), "", listening(db, node, "both"))
		d := start(t, strings.Replace(toml, `node_id = "test"`, fmt.Sprintf("node_id = %q", node), 1))
		d.waitLog(lineListening)
		return d
	}
	return open("north"), open("south"), db
}

func TestInteropQueueOfTheOriginalChoosesTheDaemon(t *testing.T) {
	t.Parallel()
	north, _, db := startTwo(t)
	o := overPostgres(t, db, "north")
	for _, tt := range []struct {
		name, code string
		want       []string
	}{
		{"default channel", `jobs.place.delay(args[0])`, []string{"north"}},
		{"queue of apply_async", `jobs.place.apply_async(args=args, queue="south")`, []string{"south"}},
		{"queue that is computed", `jobs.place.apply_async(args=args, queue=lambda: "south")`, []string{"south"}},
		{"queue of submit_task", `submit_task(jobs.place, args=args, queue="both")`, []string{"north", "south"}},
		{"queue of the decorator", `jobs.southern.delay(*args)`, []string{"south"}},
		{"both queues", `jobs.southern.apply_async(args=args, queue="north")`, []string{"north"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := north.file(strings.ReplaceAll(tt.name, " ", "-"))
			o.run(t, tt.code, path)
			lines := waitFile(t, path, len(tt.want))
			slices.Sort(lines)
			if !slices.Equal(lines, tt.want) {
				t.Errorf("the task ran in %q, want %q", lines, tt.want)
			}
		})
	}
}

func TestInteropChannelMayHaveAnyName(t *testing.T) {
	t.Parallel()
	names := []string{
		"plain", "Two Words", `"quoted"; it's -- a "trap`, "Übergröße-🐘", "$1", "%s", strings.Repeat("é", 31) + "x",
	}
	d, db := startListening(t, withOriginal(t), "", names...)
	o := overPostgres(t, db, "plain")
	o.run(t, `
for i, name in enumerate(args):
    tasks.nap.apply_async(args=[60], uuid="u-%d" % i, queue=name, processor_options=[Delayer.Params(delay=600)])
`, anySlice(names)...)
	waitFor(t, "all to be accepted", func() bool { return d.figure("tasks", "delayed") == len(names) })
	reply := o.control(t, "running", nil)
	for i, name := range names {
		task, _ := reply[fmt.Sprintf("delayed-%d", i)].(map[string]any)
		if task["channel"] != name {
			t.Errorf("the task came over channel %q, want %q: %v", task["channel"], name, reply)
		}
	}
}

func anySlice(texts []string) (all []any) {
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}
