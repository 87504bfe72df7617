"""Python's logging in a worker: what the project has not set up reaches the daemon as it is."""

import json
import socket
import unittest

from dispatcherd_worker import frames, logs
from dispatcherd_worker.channel import Channel
from tests import harness


class Logging(harness.WorkerCase):
    spec = {"preload": ["logjobs", "sample"]}

    def records(self, worker):
        """Return what the running task logs, as (level, logger, message), and how it ends."""
        said = []
        kind, _, body = worker.frame()
        while kind == "L":
            record = json.loads(body)
            said.append((record["level"], record["logger"], record["message"]))
            kind, _, body = worker.frame()
        return said, harness.read_done(body)

    def run_logging(self, name, *args):
        worker = self.start()
        worker.submit("logjobs." + name, *args)
        said, answer = self.records(worker)
        self.assertEqual((answer["outcome"], answer["error"]), ("succeeded", ""))
        return said, worker

    def test_a_record_keeps_its_level_and_logger(self):
        said, worker = self.run_logging("every_level")
        names = ["debug", "debug", "info", "info", "warning", "warning", "error", "critical", "critical"]
        numbers = [5, 10, 20, 25, 30, 35, 40, 50, 99]
        self.assertEqual(said, [(name, "app.db", "level %d" % number) for name, number in zip(names, numbers)])
        self.assertEqual(worker.read(worker.stderr), "")

    def test_a_traceback_is_in_the_record(self):
        said, worker = self.run_logging("failing_call")
        self.assertEqual(len(said), 1)
        self.assertEqual(said[0][:2], ("error", "app.db"))
        lines = said[0][2].split("\n")
        self.assertEqual((lines[0], lines[1], lines[-1]), (
            "the query failed", "Traceback (most recent call last):", "ValueError: no such row"))
        self.assertEqual(worker.read(worker.stderr), "")

    def test_the_exception_that_ends_a_task_is_a_record_of_it(self):
        worker = self.start()
        worker.submit("sample.fail", "no")
        said, answer = self.records(worker)
        self.assertEqual([record[:2] for record in said], [("error", "dispatcherd.worker.task")])
        self.assertEqual(answer["error"], "ValueError: no")
        seq = worker.submit("sample.sleep")
        worker.line()
        worker.cancel(seq)
        said, answer = self.records(worker)
        self.assertEqual([record[:2] for record in said], [("warning", "dispatcherd.worker.task")])
        self.assertEqual(answer["outcome"], "cancelled")

    def test_without_a_daemon_it_is_printed(self):
        worker = self.start()
        # The supervisor's stop and the task in one, so that the task is there when the stop is read.
        task = json.dumps({"task": "sample.fail", "args": ["no"]}).encode()
        worker.sock.sendall(frames.encode(frames.STOP, frames.EVERY_TASK) + frames.encode(frames.TASK, 9, task))
        self.assertEqual((worker.done()["seq"], worker.reason()), (9, "stop requested"))
        printed = worker.read(worker.stderr)
        self.assertTrue(printed.startswith("ERROR:dispatcherd.worker.task:the task raised ValueError: no\nTraceback "), printed)

    def test_a_record_whose_arguments_do_not_fit_harms_nothing(self):
        said, worker = self.run_logging("not_formattable")
        self.assertEqual(said, [("warning", "app.db", "after it")])
        self.assertIn("--- Logging error ---", worker.read(worker.stderr))

    def test_what_the_project_sets_up_later_is_not_doubled(self):
        said, worker = self.run_logging("set_up_late")
        self.assertEqual(said, [("warning", "app.db", "before")])
        self.assertEqual(worker.read(worker.stderr), "INFO after\n")

    def test_a_logger_with_a_handler_of_the_projects_is_not_doubled(self):
        said, worker = self.run_logging("own_handler")
        self.assertEqual(said, [])
        self.assertEqual(worker.read(worker.stderr), "on its own\n")

    def test_records_of_many_threads_stay_whole(self):
        said, _ = self.run_logging("many_threads", 8, 200)
        got = sorted(message for _, _, message in said)
        self.assertEqual(got, sorted("%d %d" % (thread, record) for thread in range(9) for record in range(200)))

    def test_a_child_process_prints_its_records(self):
        said, worker = self.run_logging("from_a_child")
        self.assertEqual(said, [("error", "app.db", "in the parent")])
        self.assertEqual(worker.read(worker.stderr), "ERROR:app.db:in the child\n")

    def test_a_task_that_logs_without_end_is_cancelled(self):
        worker = self.start()
        for _ in range(5):
            seq = worker.submit("logjobs.without_end")
            worker.line()
            worker.cancel(seq)
            self.assertEqual(worker.done()["outcome"], "cancelled")
        self.assertEqual(worker.run("logjobs.unheard", 1, 1)["words"], ["0 x"])

    def test_a_task_that_nobody_hears_goes_on_to_its_end(self):
        worker = self.start()
        worker.submit("logjobs.unheard", 60, 1000)
        self.assertEqual(worker.line(), "said all")
        said, answer = self.records(worker)
        printed = worker.read(worker.stderr).splitlines()
        self.assertEqual(answer["result"], "done")
        numbers = [int(message.split()[0]) for _, _, message in said]
        numbers += [int(line.split(":")[2].split()[0]) for line in printed]
        self.assertEqual(numbers, list(range(60)))
        self.assertTrue(said and printed, (len(said), len(printed)))
        worker.submit("logjobs.unheard", 1, 1)  # now that it is heard again
        self.assertEqual(self.records(worker)[0], [("warning", "app.db", "0 x")])

    def test_records_of_handlers_and_destructors_tear_no_frame(self):
        said, worker = self.run_logging("from_a_handler_and_a_destructor")
        heard = [message for _, _, message in said]
        printed = worker.read(worker.stderr)
        self.assertEqual(heard.count("from a destructor") + printed.count("from a destructor"), 2000)
        self.assertGreater(heard.count("from a handler"), 0)


class Silenced(harness.WorkerCase):
    spec = {"preload": ["logjobs", "silent"]}

    def test_a_project_that_wants_no_last_resort_has_what_python_does_then(self):
        worker = self.start()
        answer = worker.run("logjobs.unheard", 1, 1)
        self.assertEqual(answer["words"], [])
        self.assertEqual(worker.read(worker.stderr), 'No handlers could be found for logger "app.db"\n')


class Body(unittest.TestCase):
    def test_a_long_record_loses_its_middle(self):
        for filler in ("x", "\n", "\x00", "\u00fc", "\U0001f600", "\udc80", '"'):
            with self.subTest(filler=filler):
                body = logs.encode("error", "l" * 1000, "begin" + filler * 1000000 + "the end")
                self.assertLessEqual(len(body), logs.MAX_BODY)
                self.assertGreater(len(body), logs.MAX_BODY // 2)
                message = json.loads(body)["message"]
                self.assertTrue(message.startswith("begin") and message.endswith("the end"), message[:50])
                self.assertRegex(message, r"\n\.\.\. \d+ characters are left out \.\.\.\n")

    def test_a_record_of_the_limit_is_whole(self):
        text = "x" * (logs.MAX_BODY - 100)
        self.assertEqual(json.loads(logs.encode("info", "app", text))["message"], text)

    def test_nothing_is_sent_within_a_frame(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            channel = Channel(ours)
            channel._sending = True
            self.assertFalse(channel.offer(frames.LOG, b"x"))
            channel._sending = False
            self.assertTrue(channel.offer(frames.LOG, b"x"))
            self.assertEqual(theirs.recv(100), frames.encode(frames.LOG, 0, b"x"))
