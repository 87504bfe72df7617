package tests

import (
	"bufio"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/message"
	"dispatcherd/tests/postgres"
)

// What answers a request over Postgres need not be one of ours.
func TestInteropCtlTakesEveryReplyAsTheOriginals(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	long := strings.Repeat("ä 😀\n", 2000)
	parts, err := message.Split([]byte(`{"node_id": "far", "text": `+string(message.Encode(long))+`}`), 7000)
	if err != nil {
		t.Fatal(err)
	}
	chunked := make([]string, 0, len(parts))
	for i := len(parts) - 1; i >= 0; i-- { // the last one first
		chunked = append(chunked, string(parts[i]))
	}
	for _, tt := range []struct {
		name, replies string
		texts         []string
	}{
		{"no JSON", "3", []string{"not JSON", "{", ""}},
		{"no objects", "4", []string{"[1, 2]", "5", "null", `"text"`}},
		{"a long one", "1", chunked},
		{"among others", "3", []string{"not JSON", `{"node_id": "n1", "error": "no"}`, `{"node_id": "n2"}`}},
		{"broken chunks", "1", []string{`{"__dispatcherd_chunk__": "v2", "message_id": "a"}`, `{"__dispatcherd_chunk__": "v1"}`, `{"node_id": "n1"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			channel := strings.ReplaceAll(tt.name, " ", "-")
			dir := t.TempDir()
			write(t, dir+"/postgres.yml", fmt.Sprintf("{version: 2, brokers: {pg_notify: {config: {conninfo: %q}, default_publish_channel: %s}}}", db.ConnInfo(), channel), 0o600)
			write(t, dir+"/dispatcherd.toml", "version = 2\n"+listening(db, "jobs"), 0o600)
			oddNode(t, db, channel, tt.texts)
			w := twins{t, dir, []string{"--config", "postgres.yml"}, []string{"--channel", channel}}
			theirs, ours := w.both(t, "alive", "--expected-replies", tt.replies)
			printed := regexp.MustCompile(`(?m)^ERROR:.*\n`).ReplaceAllString(theirs.stdout, "") // its log is there, too
			if diff := cmp.Diff(printed, ours.stdout); diff != "" || theirs.code != 0 || ours.code != 0 {
				t.Errorf("exit codes %d and %d; -original +ours:\n%s%s", theirs.code, ours.code, diff, ours.stderr)
			}
		})
	}
}

// oddNode answers on a channel until the test ends.
func oddNode(t *testing.T, db *postgres.Database, channel string, texts []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), virtual(t), append([]string{"project/odd_node.py", db.ConnInfo(), channel}, texts...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its end is what is wanted
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "listening\n" {
		t.Fatalf("the node said %q, %v", line, err)
	}
}
