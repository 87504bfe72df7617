package tests

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// publications are the ways to publish a task. The code finds the name of a file
// in path, where the task is to write what is wanted.
var publications = []struct{ name, code, want string }{
	{"delay", `jobs.record.delay(path, 1, "two", three=[3.5, None])`, `[[1, "two"], {"three": [3.5, null]}]`},
	{"apply_async", `jobs.record.apply_async(args=[path, True], kwargs={"a": {"b": 2}})`, `[[true], {"a": {"b": 2}}]`},
	{"submit_task", `submit_task(jobs.record, args=(path, "ü😀\n\0"))`, `[["\u00fc\ud83d\ude00\n\u0000"], {}]`},
	{"a class", `jobs.Recorder.delay(path, "class")`, `["class"]`},
	{"a bound task", `jobs.named.apply_async(args=[path], uuid="bound")`, `bound`},
	{"bind at submission", `submit_task(jobs.name_of, args=[path], uuid="bind", bind=True)`, `bind`},
	{"a function that is not marked", `submit_task(tasks.note, args=[path, "unmarked"])`, `unmarked`},
	{"lambda text", `publisher.publish_message(message=json.dumps({"task": "lambda p: open(p, 'a').write('lambda\\n')", "args": [path]}))`, `lambda`},
	{"text that is not JSON", `publisher.publish_message(message="lambda: open(%r, 'a').write('bare\\n')" % path)`, `bare`},
	{"more than a notification can hold", `jobs.digest.delay(path, 'ä"' * 10000)`, `20000 eec96da56af77d3025055ab7b087ea4c174449a18d694af5946c006ccc43eebc`},
	{"asyncio", `asyncio.run(publisher.apublish_message(message=json.dumps({"task": "app.jobs.record", "args": [path]})))`, `[[], {}]`},
	{"asyncio, in chunks", `asyncio.run(publisher.apublish_message(message=json.dumps({"task": "app.jobs.record", "args": [path], "pad": "x" * 9000})))`, `[[], {}]`},
}

func TestInteropWhatTheOriginalPublishesRuns(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t)+"\ntasks = \"any\"", "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			path := func(i int) string { return d.file(fmt.Sprintf("%s-%d", o.name, i)) }
			var code strings.Builder
			for i, p := range publications {
				fmt.Fprintf(&code, "path = %q\n%s\n", path(i), p.code)
			}
			o.run(t, code.String())
			for i, p := range publications {
				t.Run(p.name, func(t *testing.T) {
					if lines := waitFile(t, path(i), 1); !slices.Equal(lines, []string{p.want}) {
						t.Errorf("%s made the task write %q, want %q", p.code, lines, p.want)
					}
				})
			}
		})
	}
}

func TestInteropTimeoutOfTheOriginalsTaskEndsIt(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			uuids := o.run(t, `
def uuid(published):
    answer(published[0]["uuid"])

uuid(jobs.limited.delay())
uuid(tasks.nap.apply_async(args=[60], timeout=0.2, uuid="by-apply_async-" + args[0]))
uuid(submit_task(tasks.nap, args=[60], timeout=0.2, uuid="by-submit_task-" + args[0]))
`, o.name)
			if len(uuids) != 3 {
				t.Fatalf("%d tasks were published, want 3", len(uuids))
			}
			for _, uuid := range uuids {
				if line := d.ended(uuid.(string)); !strings.Contains(line, `outcome=timed_out`) {
					t.Errorf("a task with a timeout ended so: %s", line)
				}
			}
		})
	}
}

func TestInteropDelayOfTheOriginalsTaskHoldsIt(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			path := d.file(o.name)
			published := o.ask(t, `
message, _ = submit_task(jobs.clock, args=args, processor_options=[Delayer.Params(delay=0.4)])
answer(message["time_pub"])
`, path).(float64)
			ran, err := strconv.ParseFloat(waitFile(t, path, 1)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			if held := ran - published; held < 0.4 {
				t.Errorf("a task with a delay of 0.4 s ran after %.3f s", held)
			}
		})
	}
}
