"""Cancelling: the task that is named and no other, and never the worker."""

import os
import signal

from dispatcherd_worker import frames
from tests import harness


class Cancelling(harness.WorkerCase):
    def assert_works(self, worker):
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)

    def test_a_sleeping_task_is_cancelled(self):
        worker = self.start()
        seq = worker.submit("sample.sleep")
        worker.line()
        worker.cancel(seq)
        answer = worker.done()
        self.assertEqual((answer["seq"], answer["outcome"], answer["raw"]), (seq, "cancelled", b""))
        self.assertIn("in sleep", answer["words"][0], "the traceback tells where it was")
        self.assert_works(worker)

    def test_a_computing_task_is_cancelled(self):
        worker = self.start()
        seq = worker.submit("sample.spin")
        worker.line()
        worker.cancel(seq)
        self.assertEqual(worker.done()["outcome"], "cancelled")
        self.assert_works(worker)

    def test_a_task_may_swallow_its_cancel(self):
        worker = self.start()
        seq = worker.submit("sample.swallow")
        worker.line()
        worker.cancel(seq)
        answer = worker.done()
        self.assertEqual((answer["outcome"], answer["result"]), ("succeeded", "swallowed DispatcherCancel"))
        self.assert_works(worker)

    def test_a_second_cancel_is_raised_again(self):
        worker = self.start()
        seq = worker.submit("sample.swallow_twice")
        for _ in range(2):
            worker.line()
            worker.cancel(seq)
        self.assertEqual(worker.done()["result"], "twice")

    def test_the_signal_alone_cancels_nothing(self):
        worker = self.start()
        for _ in range(3):
            os.kill(worker.pid, signal.SIGUSR1)
            self.assert_works(worker)
        task = worker.submit("sample.swallow")
        worker.line()
        os.kill(worker.pid, signal.SIGUSR1)
        worker.cancel(task + 100)
        worker.cancel(task)
        self.assertEqual(worker.done()["result"], "swallowed DispatcherCancel")

    def test_a_cancel_that_comes_late_hits_no_other(self):
        worker = self.start()
        first = worker.run("sample.add", 1)["seq"]
        worker.cancel(first)
        self.assert_works(worker)
        task = worker.submit("sample.sleep")
        worker.line()
        worker.cancel(first)
        worker.cancel(task)
        self.assertEqual((worker.done()["outcome"]), "cancelled")

    def test_a_task_that_was_handed_ahead_is_cancelled_before_it_starts(self):
        worker = self.start()
        running = worker.submit("sample.sleep")
        worker.line()
        ahead = worker.submit("sample.say", "never")
        kept = worker.submit("sample.say", "kept")
        worker.cancel(ahead)
        worker.cancel(running)
        ends = [worker.done() for _ in range(3)]
        self.assertEqual([(end["seq"], end["outcome"]) for end in ends],
                         [(running, "cancelled"), (ahead, "cancelled"), (kept, "succeeded")])
        self.assertEqual(worker.read(worker.stdout), "kept\n")

    def test_a_cancel_that_is_there_before_the_task_is_read_counts(self):
        worker = self.fork()
        seq = worker.submit("sample.say", "never")
        worker.send("C", seq)
        worker.go()
        worker.hello()
        self.assertEqual(worker.done()["outcome"], "cancelled")
        self.assertEqual(worker.read(worker.stdout), "")
        self.assert_works(worker)

    def test_a_cancel_of_everything_hits_what_runs_and_what_waits(self):
        worker = self.start()
        tasks = [worker.submit("sample.sleep"), worker.submit("sample.say", "never")]
        worker.line()
        worker.cancel(frames.EVERY_TASK)
        ends = [worker.done() for _ in tasks]
        self.assertEqual([(end["seq"], end["outcome"]) for end in ends], [(seq, "cancelled") for seq in tasks])
        worker.cancel(frames.EVERY_TASK)  # nothing is there to be cancelled
        self.assert_works(worker)

    def test_the_signal_does_no_harm_before_the_worker_starts(self):
        worker = self.fork()
        os.kill(worker.pid, signal.SIGUSR1)
        worker.go()
        os.kill(worker.pid, signal.SIGUSR1)
        worker.hello()
        self.assert_works(worker)

    def test_a_storm_of_signals_leaves_the_worker_whole(self):
        worker = self.start()
        for _ in range(200):
            seq = worker.submit("sample.add", 1)
            worker.cancel(seq)
            os.kill(worker.pid, signal.SIGUSR1)
            self.assertIn(worker.done()["outcome"], ("succeeded", "cancelled"))
        self.assert_works(worker)

    def test_a_task_that_raises_the_cancel_itself_counts_as_cancelled(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.cancel_itself")["outcome"], "cancelled")
        self.assert_works(worker)


class Termination(harness.WorkerCase):
    def test_an_idle_worker_leaves_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = self.start()
            worker.terminate(number)
            self.assertEqual(worker.reason(), "signal " + signal.Signals(number).name)
            self.assertEqual(worker.wait(), 0)

    def test_in_a_task_the_default_action_follows(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = self.start()
            worker.submit("sample.sleep")
            worker.line()
            worker.terminate(number)
            self.assertEqual(worker.wait(), -number)

    def test_handlers_of_a_task_are_gone_in_the_next(self):
        worker = self.start()
        worker.run("sample.take_signals")
        self.assertEqual(worker.run("sample.is_ignored")["result"], [False, False, False])
        self.assertEqual(worker.run("sample.process")["result"]["blocked"], 0)
        seq = worker.submit("sample.sleep")
        worker.line()
        worker.cancel(seq)
        self.assertEqual(worker.done()["outcome"], "cancelled")
        worker.terminate(signal.SIGTERM)
        self.assertEqual(worker.reason(), "signal SIGTERM")

    def test_a_worker_whose_daemon_is_gone_leaves_quietly(self):
        worker = self.start()
        worker.sock.close()
        self.assertEqual((worker.wait(), worker.read(worker.stderr)), (0, ""))
