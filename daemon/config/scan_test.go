package config

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/config/original"
)

func TestScanKnowsTheLineOfEachKey(t *testing.T) {
	t.Parallel()
	at := scan(`# version = 1
version = 2 # node_id = "x"
[pool] # [worker]
 min_workers=1
'max_workers'  =  2
[worker]
preload = [ # [
  "a]", 'b"',
  """
x = 1
""""",
  '''
y = 2''', "c", ]
env = { A = "}", "B.c" = "\"", C = { d = 1 } }
"q\u0041" = 1
[[on_start]]
task = "a"
[[on_start]]
task = "b"
on_duplicate.deep = 1
[on_start.kwargs]
k = 1979-05-27 07:32:00
[ brokers . socket ]
path = '/run/x#y'
`)
	want := map[string]int{
		"version": 2, "pool": 3, "pool.min_workers": 4, "pool.max_workers": 5,
		"worker": 6, "worker.preload": 7, "worker.preload[0]": 8, "worker.preload[1]": 8, "worker.preload[2]": 9,
		"worker.preload[3]": 12, "worker.preload[4]": 13,
		"worker.env": 14, "worker.env.A": 14, `worker.env."B.c"`: 14, "worker.env.C": 14, "worker.env.C.d": 14, "worker.qA": 15,
		"on_start": 16, "on_start[0]": 16, "on_start[0].task": 17, "on_start[1]": 18, "on_start[1].task": 19,
		"on_start[1].on_duplicate": 20, "on_start[1].on_duplicate.deep": 20, "on_start[1].kwargs": 21, "on_start[1].kwargs.k": 22,
		"brokers": 23, "brokers.socket": 23, "brokers.socket.path": 24,
	}
	if diff := cmp.Diff(want, at.lines); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
}

// sameKeys compares the outline with what the library says of the order of keys.
func sameKeys(t *testing.T, text string) {
	t.Helper()
	at := scan(text)
	if at.excess != "" {
		return
	}
	var values map[string]any
	md, err := toml.Decode(text, &values)
	if err != nil {
		return // only of a text without errors is everything known
	}
	want := []string{}
	for _, parts := range md.Keys() {
		key := ""
		for _, part := range parts {
			key = original.Join(key, part)
		}
		want = append(want, elementNumber.ReplaceAllString(key, ""))
	}
	got := []string{}
	for _, key := range at.order {
		got = append(got, elementNumber.ReplaceAllString(key, ""))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scan(%q): keys differ from the library's (-library +scan):\n%s", text, diff)
	}
}

func TestScanFindsTheKeysThatTheLibraryFinds(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		string(everything(t)),
		"a = [[{b=1}, {b = [\n{c=2}]}], []]\n[x.y]\n'z'.\"w\"=1",
		"a=\"\"\"\\\"\" # \"\nb=1\"\"\"\nc=''''''\nd=\"\"\"\"\"\"\ne='a'#f=1",
		"a={b=1,\nc=2, # d=3\n}\nx=1",
		"\"\"=1\n[a]\n''=2",
		strings.Repeat("[[a]]\nb=1\n[[a.c]]\n[a.c.d]\ne=1\n", 3),
	} {
		if _, err := toml.Decode(text, new(map[string]any)); err != nil {
			t.Fatalf("%q is no TOML: %v", text, err)
		}
		sameKeys(t, text)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("version = 2\n" + socket)
	f.Add("version = two\n[pool]\nmin_workers = 1\nmin_workers = 2\n[[schedule]]\nkwargs = { a = [1, { b = 2 }] }\n")
	f.Add("[brokers.pg_notify]\nconninfo = \"host=x\npassword=y\"\nchannels = ['a', \"\"\"b\"\"\"]")
	f.Add("\"a\\u0041\".b = 1979-05-27T07:32:00Z\n[worker.env]\nA = 3")
	f.Fuzz(func(t *testing.T, text string) {
		c, problems := parse("x.toml", []byte(text))
		if c == nil && len(problems) == 0 {
			t.Errorf("parse(%q) returned neither a configuration nor problems", text)
		}
		for _, p := range problems {
			if p.Want == "" || p.Line < 0 || p.Line > 1+strings.Count(text, "\n") {
				t.Errorf("parse(%q): bad problem %+v", text, p)
			}
			if strings.ContainsAny(p.String(), "\n\r\x1b") {
				t.Errorf("parse(%q): problem of more than a line: %q", text, p)
			}
		}
		if notUTF8([]byte(text)) == nil && !strings.HasPrefix(text, "\ufeff") { // read lets through no other
			sameKeys(t, text)
		}
	})
}
