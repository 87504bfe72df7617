package faults

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dispatcherd/tests/stand"
)

// A Control over Postgres whose settings name no channel sends the request to the channel where it waits for
// the reply, and the original's takes it for one.
func TestInteropFault33ControlWithoutAChannelAnswersItself(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		return b.library(`
import json, os
from dispatcherd.control import Control
try:
    replies = Control("pg_notify", {"config": {"conninfo": os.environ["CONNINFO"]}}).control_with_reply("alive", timeout=5)
    print("it got " + ", ".join(sorted(replies[0])))
except ValueError as e:
    print("a ValueError, as default_publish_channel is missing" if "default_publish_channel" in str(e) else e)
`)
	}, "it got control, reply_to", "a ValueError, as default_publish_channel is missing")
}

// The original's asynchronous Control does not work over the socket.
func TestInteropFault33AsynchronousControlOverTheSocket(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		return b.library(`
import asyncio
from dispatcherd.control import Control
try:
    print(asyncio.run(Control("socket", {"socket_path": "d.sock"}).acontrol_with_reply("alive", timeout=30)))
except TypeError:
    print("a TypeError")
`)
	}, "a TypeError", "[{'node_id': 'n'}]")
}

// The queue of a decorator chooses the channel: this release does not have the fault any more.
func TestInteropFault34QueueOfTheDecoratorCounts(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		return b.library(`
import os
from dispatcherd.config import setup
setup({"version": 2, "brokers": {"pg_notify": {"config": {"conninfo": os.environ["CONNINFO"]}, "default_publish_channel": "low"}}})
from dispatcherd.publish import task
@task(queue="High-1")
def f(): pass
print(f.delay()[1])
`)
	}, "High-1", "High-1")
}

// Listening for a reply on an application's connection ends what that listens to.
func TestInteropFault42ApplicationNoLongerListens(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		return b.library(`
import os, psycopg
from dispatcherd.brokers.pg_notify import Broker
with psycopg.connect(os.environ["CONNINFO"], autocommit=True) as connection:
    connection.execute("LISTEN own")
    broker = Broker(sync_connection=connection, channels=["reply"], config={"conninfo": os.environ["CONNINFO"]})
    list(broker.process_notify(timeout=0.01))
    print([row[0] for row in connection.execute("SELECT pg_listening_channels()")])
`)
	}, "[]", "['own']")
}

// Each message that the original publishes takes a connection of its own.
func TestInteropFault42EachMessageTakesAConnection(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		return b.library(`
import os, psycopg
made, connect = [], psycopg.Connection.connect.__func__
def counting(cls, *args, **kwargs):
    made.append(1)
    return connect(cls, *args, **kwargs)
psycopg.Connection.connect = psycopg.connect = classmethod(counting).__get__(None, psycopg.Connection)
from dispatcherd.config import setup
setup({"version": 2, "brokers": {"pg_notify": {"config": {"conninfo": os.environ["CONNINFO"]}, "default_publish_channel": "low"}}})
from app.tasks import nothing
for _ in range(3):
    nothing.delay()
print(len(made))
`)
	}, "3", "1")
}

// library runs a program with the side's library, which finds the database in CONNINFO, and returns what it prints.
func (b *bed) library(code string) string {
	b.t.Helper()
	path := []string{"../project"}
	if !b.original() {
		path = []string{"../../workers/python", "../project"}
	}
	for i, dir := range path {
		var err error
		if path[i], err = filepath.Abs(dir); err != nil {
			b.t.Fatal(err)
		}
	}
	stdout, stderr, status := b.run([]string{filepath.Join(stand.Venv(b.t), "bin", "python"), "-c", code},
		"PYTHONPATH="+strings.Join(path, ":"), "PYTHONDONTWRITEBYTECODE=1", "CONNINFO="+b.Database.ConnInfo())
	if status != 0 {
		b.t.Fatalf("the program ended with %d: %s", status, stderr)
	}
	return strings.TrimSpace(stdout)
}

// run runs a program in the service's directory to its end.
func (b *bed) run(args []string, env ...string) (stdout, stderr string, code int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), stand.Bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = b.Dir, slices.Concat(os.Environ(), env)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("run %q: %v", args[0], err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
