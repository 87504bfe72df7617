"""What a worker says of each task's cost, and when it says that there may be more."""

import os
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from dispatcherd_worker import meter
from dispatcherd_worker.meter import Meter
from tests.harness import HOME, Server

MIB = 1 << 20
MORE, BEGIN, END, PEAK, READ_BEGIN, READ_END, WRITTEN_BEGIN, WRITTEN_END = range(8)
LONG = 1.0
"""Seconds after a task's begin at which the tests let it end: for the meter, time is what it is told."""


def burn(seconds):
    """Use CPU time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Meters(unittest.TestCase):
    """On a file that stands for the worker's cgroup.procs."""

    def setUp(self):
        stream = tempfile.NamedTemporaryFile()
        self.addCleanup(stream.close)
        self.path = stream.name
        self.list(os.getpid())
        self.members = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, self.members)
        self.meter = Meter(self.members)
        self.now = 1700000000.0

    def list(self, *pids):
        with open(self.path, "w") as stream:
            stream.writelines("%d\n" % pid for pid in pids)

    def measure(self, task, *args, ran=LONG):
        """Return the usage of a call that, by the clock, takes `ran` seconds."""
        self.meter.begin(self.now)
        task(*args)
        usage = self.meter.end(self.now, self.now + ran)
        self.now += ran
        return usage

    def start(self):
        self.meter.start(self.now)
        self.measure(int)  # what the test's own first allocations have grown by is not a task's

    def test_a_task_costs_what_its_process_has_used(self):
        self.start()
        usage = self.measure(burn, 0.05)
        self.assertFalse(usage[MORE])
        self.assertAlmostEqual(usage[END] - usage[BEGIN], 0.05, delta=0.01)

    def test_children_that_were_waited_for_count(self):
        self.start()
        code = "import time\nwhile time.process_time() < 0.2: pass\nx = bytearray(100 << 20)"
        usage = self.measure(subprocess.run, [sys.executable, "-S", "-c", code])
        self.assertGreaterEqual(usage[END] - usage[BEGIN], 0.2)
        self.assertGreaterEqual(usage[PEAK], 100 * MIB)
        self.assertFalse(usage[MORE])

    def test_what_is_used_between_tasks_is_nobodys(self):
        self.start()
        burn(0.05)
        self.now += 1
        usage = self.measure(burn, 0.01)
        self.assertLess(usage[END] - usage[BEGIN], 0.03)

    def test_a_clock_that_is_set_back_is_no_error(self):
        self.start()
        self.now -= 3600
        burn(0.05)
        usage = self.measure(burn, 0.01, ran=-5)
        self.assertLess(usage[END] - usage[BEGIN], 0.03)

    def test_memory_that_is_given_back_is_the_tasks_alone(self):
        self.start()
        before = self.measure(int)[PEAK]  # of the tests, which may be large themselves
        usage = self.measure(lambda: len(bytearray(64 * MIB)))
        self.assertTrue(usage[MORE], "the supervisor is to look at what has grown")
        self.assertGreater(usage[PEAK], before + 48 * MIB)
        usage = self.measure(int)
        self.assertFalse(usage[MORE])
        self.assertLess(usage[PEAK], before + 16 * MIB)

    def test_a_process_that_is_left_is_noticed(self):
        self.start()
        self.assertFalse(self.measure(int)[MORE])
        for order in ((os.getpid(), 4711), (4711, os.getpid())):
            self.list(*order)
            self.assertTrue(self.measure(int)[MORE], order)
        self.list(os.getpid())
        self.assertFalse(self.measure(int)[MORE])

    def test_residents_are_not_noticed(self):
        self.list(4711, os.getpid())
        self.assertEqual(self.meter.start(self.now)[1], [4711])
        self.measure(int)
        self.assertFalse(self.measure(int)[MORE])

    def test_a_list_that_cannot_be_read_leaves_it_to_the_supervisor(self):
        self.start()
        directory = os.open("/proc/self", os.O_RDONLY)
        self.addCleanup(os.close, directory)
        os.dup2(directory, self.members)
        self.assertTrue(self.measure(int)[MORE])

    def test_a_task_that_comes_back_at_once_is_spared_the_counters(self):
        self.start()
        with mock.patch.object(meter, "_getrusage", side_effect=AssertionError), \
                mock.patch.object(meter, "_pread", side_effect=AssertionError):
            usage = self.measure(int, ran=meter.INSTANT / 2)
        self.assertFalse(usage[MORE])
        self.assertAlmostEqual(usage[END] - usage[BEGIN], meter.INSTANT / 2, delta=1e-6)

    def test_no_process_can_be_made_in_an_instant(self):
        least = 1.0
        for _ in range(100):
            began = time.perf_counter()
            pid = os.posix_spawn("/bin/true", ["true"], {})
            least = min(least, time.perf_counter() - began)
            os.waitpid(pid, 0)
        self.assertGreater(least, meter.INSTANT)


class WithoutACgroup(unittest.TestCase):
    """Only a process's own children can be seen, in a process that has no other ones."""

    def noticed(self, task):
        script = "import os\nfrom dispatcherd_worker.meter import Meter\nm = Meter()\nm.start(1.0)\n" \
            "m.begin(2.0)\nm.end(2.0, 3.0)\n%s\nm.begin(4.0)\nprint(m.end(4.0, 5.0)[0])" % task
        return subprocess.run([sys.executable, "-c", script], cwd=HOME, capture_output=True, text=True, timeout=30).stdout

    def test_nobody_is_not_noticed(self):
        self.assertEqual(self.noticed("pass"), "False\n")

    def test_a_child_that_lives_or_has_ended_is_noticed(self):
        lives = "r, w = os.pipe()\nif os.fork() == 0: os.close(w); os.read(r, 1); os._exit(0)"
        self.assertEqual(self.noticed(lives), "True\n")
        self.assertEqual(self.noticed("if os.fork() == 0: os._exit(0)"), "True\n")


class Workers(unittest.TestCase):
    """Forked by the real fork server."""

    def serve(self, **spec):
        server = Server(dict({"preload": ["sample"]}, **spec))
        self.addCleanup(server.close)
        worker = server.fork().go()
        self.addCleanup(worker.leave)
        return worker

    def test_a_worker_that_is_to_measure_says_what_each_task_has_cost(self):
        worker = self.serve(measure=True)
        hello = worker.hello()
        self.assertGreater(hello["cpu"], 0)
        self.assertEqual(hello["residents"], [])
        last = hello["cpu"]
        for seq in (1, 2):
            answer = worker.run("sample.add", 1, 2)
            self.assertEqual(answer["result"], 3)
            self.assertGreaterEqual(answer["usage"][0], last)
            self.assertGreater(answer["usage"][1], answer["usage"][0])
            self.assertGreater(answer["usage"][2], MIB)
            last = answer["usage"][0]

    def test_a_worker_that_is_not_asked_to_measure_does_not(self):
        worker = self.serve()
        self.assertNotIn("cpu", worker.hello())
        self.assertIsNone(worker.run("sample.add", 1, 2)["usage"])


if __name__ == "__main__":
    unittest.main()
