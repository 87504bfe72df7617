"""Tasks that are handed ahead: when a worker takes the next one by itself, and which."""

import os
import signal
import unittest

from dispatcherd_worker import frames
from dispatcherd_worker.lane import QUICK
from tests import harness


class LanedWorker(harness.Worker):
    """A worker with a lane, and both ends of it."""

    def __init__(self, server, number=1):
        self.lane, self.lane_write = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
        super().__init__(server, number)

    def request(self, server, descriptors):
        frame, stdout, stderr, go = descriptors
        server.send({"op": "fork", "worker": self.number, "lane": True}, [frame, stdout, stderr, self.lane, go])

    def ahead(self, task, *args, **message):
        """Put a task into the lane; return its sequence number."""
        body = self.message(task, *args, **message)
        os.write(self.lane_write, frames.encode(frames.TASK, self.seq, body))
        return self.seq

    def waiting(self):
        """Return the numbers of what is in the lane, and take it out."""
        seqs = []
        while True:
            try:
                seqs.append(frames.HEADER.unpack_from(os.read(self.lane, 4096))[-1])
            except BlockingIOError:
                return seqs

    def ends(self, count):
        """Return (seq, whether the worker begins another one) of so many done frames."""
        return [(end["seq"], end["begins"]) for end in (self.done() for _ in range(count))]

    def close(self):
        super().close()
        os.close(self.lane)
        os.close(self.lane_write)


class LaneCase(harness.WorkerCase):
    spec = {"preload": ["sample", "lanejobs"]}

    def fork(self, number=1):
        worker = LanedWorker(self.server, number)
        self.addCleanup(worker.close)
        return worker

    def start(self, number=1):
        """Return a worker whose tasks take no time, so that the load of the machine says nothing."""
        worker = super().start(number)
        worker.run("lanejobs.stop_the_clock")
        return worker

    def assert_nothing_is_taken_behind(self, task, *args, **message):
        """Check that the worker leaves the lane alone behind this task; return (worker, its end)."""
        worker = self.start()
        kept = worker.ahead("sample.say", "from the lane")
        end = worker.run(task, *args, **message)
        self.assertFalse(end["begins"])
        self.assertEqual(worker.waiting(), [kept])
        return worker, end


class Taking(LaneCase):
    def test_tasks_are_taken_in_the_order_in_which_they_were_put(self):
        worker = self.start()
        wanted = [worker.ahead("sample.add", n) for n in range(16)]
        first = worker.submit("sample.add", 1)
        ends = worker.ends(17)
        self.assertEqual([seq for seq, _ in ends], [first] + wanted)
        self.assertEqual([begins for _, begins in ends], [True] * 16 + [False])
        self.assertEqual(worker.waiting(), [])

    def test_behind_an_empty_lane_the_worker_waits_for_its_socket(self):
        worker = self.start()
        for n in range(3):
            self.assertFalse(worker.run("sample.add", n)["begins"])
            seq = worker.ahead("sample.add", n)
            self.assertTrue(worker.run("sample.add", n)["begins"])
            self.assertEqual(worker.ends(1), [(seq, False)])

    def test_nothing_is_taken_before_the_first_task(self):
        worker = self.fork()
        kept = worker.ahead("sample.add", 1)
        worker.go()
        worker.hello()
        self.assertEqual(worker.leave(), "stop requested")
        self.assertEqual(worker.waiting(), [kept])

    def test_nothing_is_taken_behind_output_that_is_unread(self):
        for stream in ("stdout", "stderr"):
            with self.subTest(stream):
                worker, _ = self.assert_nothing_is_taken_behind("lanejobs.say", stream)
                kept = worker.ahead("sample.add", 1)
                self.assertFalse(worker.run("sample.add", 1)["begins"], "what came before it is still unread")
                self.assertEqual(worker.read(getattr(worker, stream)), "said\n")
                self.assertTrue(worker.run("sample.add", 1)["begins"])
                self.assertEqual(worker.ends(1), [(kept, False)])

    def test_nothing_is_taken_behind_a_task_that_was_not_quick(self):
        worker = self.start()
        for took, begins in ((0.0, True), (QUICK * 0.9, True), (QUICK, False), (1.0, False), (-1.0, False)):
            with self.subTest(took):
                worker.run("lanejobs.stop_the_clock")
                kept = worker.ahead("sample.add", 1)
                end = worker.run("lanejobs.pass_time", took)
                self.assertEqual(end["begins"], begins)
                if begins:
                    self.assertEqual(worker.ends(1), [(kept, False)])
                else:
                    self.assertEqual(worker.waiting(), [kept])

    def test_nothing_is_taken_behind_a_failure(self):
        for task in ("sample.fail", "sample.nosuch"):
            self.assert_nothing_is_taken_behind(task)

    def test_nothing_is_taken_behind_a_cancelled_task(self):
        self.assertEqual(self.assert_nothing_is_taken_behind("sample.cancel_itself")[1]["outcome"], "cancelled")
        worker = self.start()
        kept = worker.ahead("sample.say", "never")
        seq = worker.submit("sample.sleep")
        worker.line()
        worker.cancel(seq)
        end = worker.done()
        self.assertEqual((end["outcome"], end["begins"]), ("cancelled", False))
        self.assertEqual(worker.waiting(), [kept])

    def test_nothing_is_taken_behind_a_task_after_which_the_worker_leaves(self):
        for task, args in (("sample.leave", ()), ("sample.exit_with", (0,)), ("sample.close_stdout_object", ())):
            with self.subTest(task):
                worker, end = self.assert_nothing_is_taken_behind(task, *args)
                self.assertTrue(end["stopping"])
                worker.reason()

    def test_nothing_is_taken_when_a_stop_has_come(self):
        worker = self.start()
        kept = worker.ahead("sample.add", 1)
        seq = worker.submit("lanejobs.ask")
        self.assertEqual(worker.frame()[0], "Q")
        worker.send("S")
        worker.send("R", 1, b"{}")
        self.assertEqual(worker.ends(1), [(seq, False)])
        self.assertEqual(worker.reason(), "stop requested")
        self.assertEqual(worker.waiting(), [kept])

    def test_a_task_that_has_come_by_the_socket_comes_before_those_of_the_lane(self):
        worker = self.start()
        last = worker.ahead("sample.add", 1)
        first = worker.submit("lanejobs.ask")
        self.assertEqual(worker.frame()[0], "Q")
        second = worker.submit("sample.add", 2)
        worker.send("R", 1, b"{}")
        self.assertEqual(worker.ends(3), [(first, False), (second, True), (last, False)])

    def test_a_cancel_hits_the_task_of_the_lane_that_it_names(self):
        worker = self.start()
        hit, kept = worker.ahead("sample.sleep"), worker.ahead("sample.say", "never")
        self.assertTrue(worker.run("sample.add", 1)["begins"])
        self.assertEqual(worker.line(), "started")
        worker.cancel(kept)  # it has not begun: the daemon would take it back
        worker.cancel(hit)
        end = worker.done()
        self.assertEqual((end["seq"], end["outcome"], end["begins"]), (hit, "cancelled", False))
        self.assertEqual(worker.waiting(), [kept])
        self.assertEqual(worker.run("sample.add", 4)["result"], 4)

    def test_a_cancel_of_the_task_before_does_not_hit_the_one_that_was_taken(self):
        worker = self.start()
        taken = worker.ahead("lanejobs.ask")
        first = worker.submit("sample.add", 1)
        self.assertEqual(worker.ends(1), [(first, True)])
        self.assertEqual(worker.frame()[0], "Q")
        worker.cancel(first)
        worker.send("R", 1, b"{}")  # behind the cancel, which has been read when the task ends
        end = worker.done()
        self.assertEqual((end["seq"], end["outcome"]), (taken, "succeeded"))

    def test_a_term_between_taking_and_beginning_leaves_the_task_alone(self):
        worker = self.start()
        worker.ahead("sample.say", "never")
        kept = worker.ahead("sample.say", "never")
        first = worker.submit("lanejobs.term_when_taken")
        self.assertEqual(worker.ends(1), [(first, True)])
        self.assertEqual((worker.reason(), worker.wait()), ("signal SIGTERM", 0))
        self.assertEqual(worker.read(worker.stdout), "")
        self.assertEqual(worker.waiting(), [kept])

    def test_a_term_before_the_lane_is_looked_at_leaves_it_alone(self):
        worker = self.start()
        kept = worker.ahead("sample.say", "never")
        first = worker.submit("lanejobs.term_when_timed")
        self.assertEqual(worker.ends(1), [(first, False)])
        self.assertEqual((worker.reason(), worker.wait()), ("signal SIGTERM", 0))
        self.assertEqual(worker.waiting(), [kept])

    def test_a_forked_child_has_no_lane(self):
        worker = self.start()
        end = worker.run("lanejobs.lanes_of_a_child")
        self.assertEqual((end["outcome"], end["result"]), ("succeeded", [1, 0]))
        kept = worker.ahead("sample.add", 2)
        self.assertTrue(worker.run("sample.add", 1)["begins"])
        self.assertEqual(worker.ends(1), [(kept, False)])

    def test_no_program_that_a_task_starts_inherits_it(self):
        worker = self.start()
        links = worker.run("lanejobs.links_of_a_program")["result"]
        ours = os.readlink("/proc/self/fd/%d" % worker.lane)
        self.assertNotIn(ours, links)
        self.assertIn(ours, worker.run("sample.descriptors")["result"].values(), "the worker itself has it")

    def test_what_a_task_has_put_in_its_place_is_left_out(self):
        worker = self.start()
        kept = worker.ahead("sample.add", 2)
        self.assertEqual(worker.run("lanejobs.replace_lane")["outcome"], "succeeded")
        self.assertFalse(worker.run("sample.add", 1)["begins"])
        self.assertEqual(worker.waiting(), [kept])

    def test_a_task_that_closes_it_does_no_harm(self):
        worker = self.start()
        kept = worker.ahead("sample.add", 2)
        self.assertFalse(worker.run("lanejobs.close_lane")["begins"])
        self.assertEqual(worker.run("sample.add", 3)["result"], 3)
        self.assertEqual(worker.waiting(), [kept])

    def test_a_fork_with_a_lane_needs_one_more_descriptor(self):
        self.server.send({"op": "fork", "worker": 7, "lane": True}, [0, 0, 0, 0])
        answer = self.server.receive()
        self.assertEqual((answer["op"], answer["worker"]), ("fork_failed", 7))
        self.assertIn("5 or 6 descriptors, got 4", answer["error"])
        self.assertEqual(self.start().run("sample.add", 1)["result"], 1)


class Measured(LaneCase):
    spec = {"preload": ["sample", "lanejobs"], "measure": True}

    def test_nothing_is_taken_behind_a_task_that_left_a_child(self):
        worker = self.start()
        kept = worker.ahead("sample.add", 1)
        end = worker.run("lanejobs.leave_child")
        self.addCleanup(os.kill, end["result"], signal.SIGKILL)
        self.assertEqual((end["more"], end["begins"]), (True, False))
        self.assertEqual(worker.waiting(), [kept])


class WithClass(LaneCase):
    spec = {"preload": ["sample", "lanejobs"], "class": "classes.Plain"}

    def test_a_class_that_says_nothing_of_its_end_takes_tasks_ahead(self):
        worker = self.start()
        kept = worker.ahead("sample.add", 1)
        self.assertTrue(worker.run("sample.add", 1)["begins"])
        self.assertEqual(worker.ends(1), [(kept, False)])


class WithShouldExit(LaneCase):
    spec = {"preload": ["sample", "lanejobs"], "class": "classes.Idle"}

    def test_nothing_is_taken_where_should_exit_is_to_be_asked(self):
        worker = self.start()
        kept = worker.ahead("sample.add", 1)
        self.assertFalse(worker.run("sample.add", 1)["begins"])
        self.assertEqual(worker.waiting(), [kept])


if __name__ == "__main__":
    unittest.main()
