"""Tasks that end, break or copy their process."""

import signal

from tests import harness


class Endings(harness.WorkerCase):
    def test_dispatcher_exit_is_a_success_after_which_the_worker_leaves(self):
        worker = self.start()
        answer = worker.run("sample.leave", [1, "bye"])
        self.assertEqual((answer["outcome"], answer["result"], answer["stopping"]), ("succeeded", [1, "bye"], True))
        self.assertEqual((worker.reason(), worker.wait()), ("the task raised DispatcherExit", 0))

    def test_tasks_handed_ahead_are_not_started_by_a_worker_that_leaves(self):
        worker = self.fork()
        worker.submit("sample.leave")
        worker.submit("sample.say", "never")
        worker.go()
        worker.hello()
        self.assertEqual(worker.done()["seq"], 1)
        self.assertEqual((worker.reason(), worker.wait()), ("the task raised DispatcherExit", 0))
        self.assertEqual(worker.read(worker.stdout), "")

    def test_system_exit_is_a_failure_after_which_the_worker_leaves(self):
        for task, args, error in (("sample.exit_with", (1,), "SystemExit: 1"), ("sample.interrupt", (), "KeyboardInterrupt")):
            worker = self.start()
            answer = worker.run(task, *args)
            self.assertEqual((answer["outcome"], answer["error"], answer["stopping"]), ("failed", error, True))
            self.assertEqual((worker.reason(), worker.wait()), ("the task raised " + error.split(":")[0], 0))

    def test_a_hard_exit_is_seen_as_it_is(self):
        worker = self.start()
        worker.submit("sample.hard_exit", 3)
        self.assertIsNone(worker.frame())
        self.assertEqual(worker.wait(), 3)

    def test_a_deadly_signal_is_seen_as_it_is(self):
        worker = self.start()
        worker.submit("sample.kill_itself", int(signal.SIGKILL))
        self.assertEqual(worker.wait(), -signal.SIGKILL)


class Descriptors(harness.WorkerCase):
    def test_a_task_sees_its_own_descriptors_and_no_other(self):
        worker = self.start()
        self.start(2)  # whose descriptors the first must not have
        seen = worker.run("sample.descriptors")["result"]
        high = [number for number in seen if number not in ("0", "1", "2")]
        self.assertEqual(seen["0"], "/dev/null")
        self.assertTrue(seen["1"].startswith("pipe:") and seen["2"].startswith("pipe:"), seen)
        self.assertEqual(len(high), 1, seen)
        self.assertGreater(int(high[0]), 250)
        self.assertTrue(seen[high[0]].startswith("socket:"), seen)

    def test_closing_the_usual_range_does_no_harm(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.close_range", 3, 256)["outcome"], "succeeded")
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)

    def test_without_its_frame_socket_a_worker_says_so_and_ends(self):
        worker = self.start()
        worker.submit("sample.close_range", 3, 65536)
        self.assertEqual(worker.wait(), 70)
        self.assertIn("dispatcherd worker 1: send to the daemon: [Errno 9]", worker.read(worker.stderr))
        self.assertIsNone(worker.frame())

    def test_without_any_descriptor_a_worker_ends(self):
        worker = self.start()
        worker.submit("sample.close_range", 0, 65536)
        self.assertEqual(worker.wait(), 70)

    def test_a_worker_whose_output_was_closed_runs_no_other_task(self):
        for task, args in (("sample.close_range", (1, 3)), ("sample.close_range", (2, 3)), ("sample.close_stdout_object", ())):
            worker = self.start()
            answer = worker.run(task, *args)
            self.assertEqual((answer["outcome"], answer["stopping"]), ("succeeded", True))
            self.assertEqual((worker.reason(), worker.wait()), ("the task closed its stdout or stderr", 0))


class Forks(harness.WorkerCase):
    def test_a_child_that_returns_from_the_task_sends_nothing(self):
        worker = self.start()
        for _ in range(3):
            self.assertEqual(worker.run("sample.fork_and_return")["result"], "parent")
        self.assertEqual(worker.leave(), "stop requested")

    def test_a_child_that_raises_ends_as_python_ends(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.fork_and_raise", "exit")["result"], 7)
        self.assertEqual(worker.run("sample.fork_and_raise", "error")["result"], 1)
        self.assertIn("ValueError: in the child", worker.read(worker.stderr))
