"""A tour of what a project does with the library, from one end to the other, against two daemons.

The first argument is what dispatcherd.config.setup gets, the second a directory for what the tasks write down. The daemons
are "north" and "south": each listens on a channel of its name, and on "both", where this program publishes if it says no
more. Every step makes sure of what has come of it. The library is the one that is imported as dispatcherd.
"""

import asyncio
import hashlib
import json
import os
import sys
import time
import uuid

import dispatcherd
from dispatcherd.chunking import split_message
from dispatcherd.config import setup
from dispatcherd.factories import get_control_from_settings, get_publisher_from_settings
from dispatcherd.processors.blocker import Blocker
from dispatcherd.processors.delayer import Delayer
from dispatcherd.publish import submit_task

from app import tour

NODES = ["north", "south"]
BOUND = 60  # seconds, for whatever is waited for


class Tour:
    def __init__(self, directory):
        self.directory = directory
        self.control = get_control_from_settings()
        self.publisher = get_publisher_from_settings()

    # What the steps need.

    def file(self, name):
        return os.path.join(self.directory, name)

    def ask(self, command, **data):
        """Return the replies of both daemons by their names."""
        replies = self.control.control_with_reply(command, expected_replies=2, timeout=BOUND, data=data)
        return self.by_node(replies)

    def by_node(self, replies):
        found = {reply.pop("node_id"): reply for reply in replies}
        same("who answers", sorted(found), NODES)
        return found

    def wait(self, what, condition):
        end = time.monotonic() + BOUND
        while not condition():
            if time.monotonic() > end:
                sys.exit("waited in vain for %s" % what)
            time.sleep(0.02)

    def lines(self, name):
        try:
            with open(self.file(name)) as f:
                return sorted(f.read().splitlines())
        except FileNotFoundError:
            return []

    def expect(self, name, want):
        """Wait for as many lines and compare them, in any order: two daemons write them."""
        self.wait("%d lines in %s, of which there are %s" % (len(want), name, self.lines(name)), lambda: len(self.lines(name)) >= len(want))
        same(name, self.lines(name), sorted(want))

    def on_both(self, name, text):
        self.expect(name, ["%s %s" % (node, text) for node in NODES])

    def places(self, **filter):
        """Return where matching tasks are: of how many daemons, in which places."""
        found = self.ask("running", **filter)
        return [sorted(place.split("-")[0] for place in found[node]) for node in NODES]

    def idle(self):
        self.wait("the end of all tasks", lambda: self.places() == [[], []])

    def publish(self, message):
        """Publish a message that no library has made."""
        self.publisher.publish_message(channel="both", message=json.dumps(message))

    # The steps, in order.

    def roll_call(self):
        same("alive", self.ask("alive"), {node: {} for node in NODES})

    def one_task_for_both(self):
        tour.hello.delay(self.file("hello"), "hello", punctuation="!")
        self.on_both("hello", "hello punctuation")

    def channels_of_their_own(self):
        tour.hello.apply_async(args=[self.file("channels"), "by name"], queue="north")
        tour.hello.apply_async(args=[self.file("channels"), "computed"], queue=lambda: "south")
        tour.southern.delay(self.file("channels"))
        submit_task(tour.hello, args=[self.file("channels"), "submitted"], queue="north")
        self.expect("channels", ["north by name", "south computed", "south", "north submitted"])

    def all_kinds_of_tasks(self):
        tour.Greeter.apply_async(args=[self.file("class")], kwargs={"name": "Ada"})
        self.on_both("class", "Ada")
        submit_task(tour.sleep, args=[0, self.file("function")])
        self.expect("function", NODES)
        path = self.file("lambda")
        self.publish({"task": "lambda: open(%r, 'a').write('x\\n')" % path})
        self.expect("lambda", ["x", "x"])
        # Such text need not even be JSON.
        self.publisher.publish_message(channel="both", message="lambda: open(%r, 'a').write('x\\n')" % path)
        self.expect("lambda", ["x"] * 4)

    def bound_tasks(self):
        tour.bound.apply_async(args=[self.file("bound")], uuid="bound")
        self.expect("bound", [node + text for node in NODES for text in (" bound True", " started by a task")])

    def many_sleeps(self):
        before = self.ask("main")
        for _ in range(20):
            tour.sleep.apply_async(args=[0.05])
        self.idle()
        after = self.ask("main")
        for node in NODES:
            more = after[node]["pool"]["finished_count"] - before[node]["pool"]["finished_count"]
            same("sleeps that %s has finished" % node, more, 20)

    def timeouts(self):
        before = self.ask("main")
        tour.short.delay(self.file("timeouts"))
        tour.sleep.apply_async(args=[600], timeout=0.3)
        self.on_both("timeouts", "began")
        self.idle()
        after = self.ask("main")
        for node in NODES:
            more = after[node]["pool"]["canceled_count"] - before[node]["pool"]["canceled_count"]
            same("tasks of %s that were out of time" % node, more, 2)

    def cancels(self):
        for i, cancel in enumerate((self.cancel_and_reply, self.cancel_and_forget, self.cancel_in_a_loop)):
            label = "to cancel %d" % i
            tour.gated.apply_async(args=[self.file(label), self.file("never")], uuid=label)
            self.on_both(label, "began")
            cancel(label)
            self.idle()
            self.on_both(label, "began")  # and nothing more

    def cancel_and_reply(self, label):
        for reply in self.ask("cancel", uuid=label).values():
            same("what was cancelled", [task["uuid"] for task in reply.values()], [label])

    def cancel_and_forget(self, label):
        self.control.control("cancel", data={"uuid": label})

    def cancel_in_a_loop(self, label):
        replies = asyncio.run(self.control.acontrol_with_reply("cancel", expected_replies=2, timeout=BOUND, data={"uuid": label}))
        for reply in self.by_node(replies).values():
            same("what was cancelled", [task["uuid"] for task in reply.values()], [label])

    def flood_of_discards(self):
        for _ in range(10):
            tour.single.delay(self.file("discard"), self.file("discard.gate"))
        self.on_both("discard", "began")
        same("where they are", self.places(task="app.tour.single"), [["worker"], ["worker"]])
        self.open("discard.gate")
        self.idle()
        self.on_both("discard", "began")

    def flood_in_series(self):
        self.flood("serial", 5)
        same("where they are", self.places(task="app.tour.gated"), [["blocked"] * 4 + ["worker"]] * 2)
        self.open("serial.gate")
        self.idle()
        self.expect("serial", [node + text for node in NODES for text in (" began", " ended")] * 5)

    def flood_of_queue_one(self):
        self.flood("queue_one", 10)
        same("where they are", self.places(task="app.tour.gated"), [["blocked", "worker"]] * 2)
        self.open("queue_one.gate")
        self.idle()
        self.expect("queue_one", [node + text for node in NODES for text in (" began", " ended")] * 2)

    def flood(self, policy, count):
        before = self.ask("main")
        for _ in range(count):
            tour.gated.apply_async(args=[self.file(policy), self.file(policy + ".gate")], processor_options=[Blocker.Params(on_duplicate=policy)])

        def all_there():
            now = self.ask("main")
            return all(now[node]["received_count"] - before[node]["received_count"] >= count for node in NODES)

        self.wait("the flood to arrive", all_there)
        self.on_both(policy, "began")

    def open(self, gate):
        with open(self.file(gate), "w"):
            pass

    def delays(self):
        tour.hello.apply_async(args=[self.file("delay"), "soon"], processor_options=[Delayer.Params(delay=0.3)])
        self.on_both("delay", "soon")
        tour.hello.apply_async(args=[self.file("delay"), "never"], uuid="late", processor_options=[Delayer.Params(delay=600)])
        self.wait("the delayed task", lambda: self.places(uuid="late") == [["delayed"], ["delayed"]])
        self.ask("cancel", uuid="late")
        same("where it is", self.places(uuid="late"), [[], []])

    def long_messages(self):
        text = "ä\"\n\U0001F600" * 5000
        want = "%d %s" % (len(text), hashlib.sha256(text.encode()).hexdigest())
        tour.digest.delay(self.file("long"), text)
        self.on_both("long", want)
        # By hand: the last part first, and two messages at once.
        message = {"task": "app.tour.digest", "args": [self.file("by hand"), text]}
        parts = [split_message(json.dumps(dict(message, uuid=str(uuid.uuid4()))), max_bytes=7000) for _ in range(2)]
        for pair in zip(*(reversed(p) for p in parts)):
            for part in pair:
                self.publisher.publish_message(channel="both", message=part)
        self.expect("by hand", ["%s %s" % (node, want) for node in NODES] * 2)

    def long_replies(self):
        text = "ö" * 9000
        tour.hello.apply_async(args=[self.file("never"), text], uuid="long", processor_options=[Delayer.Params(delay=600)])
        self.wait("the long task", lambda: self.places(uuid="long") == [["delayed"], ["delayed"]])
        for reply in self.ask("cancel", uuid="long").values():
            same("its argument", [task["args"][1] for task in reply.values()], [text])

    def callbacks(self):
        def follow(word):
            return [{"task": "app.tour.hello", "args": [self.file("callbacks"), word]}]

        for task in ("hello", "broken"):
            self.publish({"task": "app.tour." + task, "args": [self.file("called")], "callbacks": follow("afterwards"), "errbacks": follow("failed")})
        self.expect("callbacks", [node + text for node in NODES for text in (" afterwards", " failed", " afterwards")])

    def looking_inside(self):
        self.idle()
        for reply in self.ask("workers").values():
            for worker in reply.values():
                if not worker["pid"] or worker["current_task"] or worker["active_cancel"]:
                    sys.exit("a worker that is not idle: %s" % worker)
        for reply in self.ask("producers").values():
            if reply["pg_notify-producer"]["produced_count"] < 50:
                sys.exit("so few messages: %s" % reply)
        for node, reply in self.ask("aio_tasks").items():
            for name, entry in reply.items():
                same("%s of %s" % (name, node), (entry["done"], isinstance(entry["stack"], str)), (False, True))
            if not reply:
                sys.exit("%s has nothing to do" % node)
        for reply in self.ask("status").values():
            same("the parts of status", sorted({"running", "aio_tasks", "workers", "producers", "metrics", "main", "chunks"} - set(reply)), [])
        for reply in self.ask("chunks").values():
            same("incomplete messages", (reply["status"]["active_messages"], reply["partials"]), (0, {}))
        for reply in self.ask("set_log_level", level="DEBUG").values():
            same("the level", (reply["logger"], reply["level"]), ("dispatcherd", "DEBUG"))
        for reply in self.ask("no_such_command").values():
            same("what is no command", reply, {"error": "No control method no_such_command"})

    steps = (
        roll_call, one_task_for_both, channels_of_their_own, all_kinds_of_tasks, bound_tasks, many_sleeps, timeouts, cancels,
        flood_of_discards, flood_in_series, flood_of_queue_one, delays, long_messages, long_replies, callbacks, looking_inside,
    )


def same(what, got, want):
    if got != want:
        sys.exit("%s: %r, want %r" % (what, got, want))


def main():
    print("with", dispatcherd.__file__, flush=True)
    setup(json.loads(sys.argv[1]))
    made = Tour(sys.argv[2])
    for step in Tour.steps:
        step(made)
        print(step.__name__, flush=True)
    print("the end")


main()
