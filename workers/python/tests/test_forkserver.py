"""The fork server and its protocol with the supervisor."""

import os
import shutil
import signal
import sys
import tempfile
import unittest

from dispatcherd_worker import forkserver, frames
from tests import harness


class Forking(harness.WorkerCase):
    def test_ready_names_python_and_library(self):
        answer = self.server.answer
        self.assertEqual(answer["op"], "ready")
        self.assertEqual(answer["python"], "%d.%d.%d" % sys.version_info[:3])
        self.assertEqual((answer["library"], answer["version"], answer["pid"]), ("builtin", 1, self.server.pid))

    def test_three_forks_give_three_processes_that_are_our_children(self):
        workers = [self.start(number) for number in (7, 8, 9)]
        facts = [worker.run("sample.process")["result"] for worker in workers]
        self.assertEqual([worker.answer for worker in workers],
                         [{"op": "forked", "worker": n, "pid": f["pid"]} for n, f in zip((7, 8, 9), facts)])
        self.assertEqual(len({fact["pid"] for fact in facts}), 3)
        self.assertEqual(len({fact["random"] for fact in facts}), 3, "random numbers differ between workers")
        for worker, fact in zip(workers, facts):
            self.assertEqual((fact["session"], fact["group"]), (worker.pid, worker.pid))
            self.assertGreater(fact["frozen"], 0)
            self.assertEqual(fact["blocked"], 0)
            self.assertEqual(worker.leave(), "stop requested")
            self.assertEqual(worker.wait(), 0)

    def test_requests_may_be_sent_ahead(self):
        pairs = [os.pipe() for _ in range(4)]
        for number in range(20):
            self.server.send({"op": "fork", "worker": number}, [pair[0] for pair in pairs])
        answers = [self.server.receive() for _ in range(20)]
        self.assertEqual([answer["worker"] for answer in answers], list(range(20)))
        for pair in pairs:
            for descriptor in pair:
                os.close(descriptor)  # no go can come: they all leave
        self.assertEqual([harness.wait_exit(answer["pid"]) for answer in answers], [0] * 20)

    def test_nothing_happens_before_the_go(self):
        worker = self.fork()
        worker.close_go()
        self.assertEqual(worker.wait(), 0)
        self.assertIsNone(worker.frame(), "a worker without a go says nothing")

    def test_the_process_group_exists_when_the_fork_is_answered(self):
        worker = self.fork()
        self.assertEqual(os.getpgid(worker.pid), worker.pid)
        self.assertEqual(os.getsid(worker.pid), worker.pid)

    def test_hello_tells_version_and_pid(self):
        worker = self.fork().go()
        hello = worker.hello()
        self.assertEqual((hello["version"], hello["pid"]), (frames.VERSION, worker.pid))

    def test_bad_packets_are_answered_and_the_next_one_is_served(self):
        self.server.send({"op": "dance"})
        self.assertEqual(self.server.receive(), {"op": "refused", "error": "unknown op 'dance'"})
        self.server.sock.send(b"not json")
        self.assertEqual(self.server.receive()["op"], "refused")
        self.server.send({"op": "fork", "worker": 1}, [0])
        answer = self.server.receive()
        self.assertEqual((answer["op"], answer["worker"]), ("fork_failed", 1))
        self.assertIn("4 or 5 descriptors, got 1", answer["error"])
        self.start().run("sample.add", 1)

    def test_group_signals_do_not_end_it(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(self.server.pid, number)
        self.start().run("sample.add", 1)

    def test_the_server_keeps_no_descriptor_of_a_worker(self):
        before = sorted(os.listdir("/proc/%d/fd" % self.server.pid))
        self.start().run("sample.add", 1)
        self.assertEqual(sorted(os.listdir("/proc/%d/fd" % self.server.pid)), before)
        self.assertEqual(before, ["0", "1", "2", "3"])


class Loading(unittest.TestCase):
    def serve(self, spec, **kwargs):
        server = harness.Server(spec, **kwargs)
        self.addCleanup(server.sock.close)
        return server

    def assert_fails(self, spec, text, **kwargs):
        server = self.serve(spec, **kwargs)
        self.assertEqual(server.answer["op"], "failed")
        self.assertIn(text, server.answer["error"])
        code, printed = server.close()
        self.assertEqual(code, 1)
        return printed

    def test_a_preload_that_is_missing_is_named(self):
        self.assert_fails({"preload": ["nosuch.tasks"]}, "preload nosuch.tasks: ModuleNotFoundError: No module named 'nosuch'"
                          " (worker.python is %s; worker.pythonpath adds directories)" % sys.executable)

    def test_a_preload_that_raises_leaves_its_traceback(self):
        printed = self.assert_fails({"preload": ["broken"]}, "preload broken: SystemExit: 3")
        self.assertIn("broken.py", printed)
        self.assertNotIn("dispatcherd_worker", printed, "the runtime's own lines are left out")

    def test_a_class_that_is_missing_is_named(self):
        self.assert_fails({"class": "sample.NoSuch"}, "class sample.NoSuch: AttributeError")
        self.assert_fails({"class": "sample.add"}, "class sample.add: TypeError: is a function, not a class")

    def test_a_directory_that_is_missing_is_named(self):
        self.assert_fails({"working_directory": "/nosuch"}, "working_directory /nosuch: FileNotFoundError")

    def test_a_policy_that_is_none_is_refused(self):
        self.assert_fails({"tasks": "all"}, "worker.tasks")
        self.assert_fails({"tasks": "importable"}, "worker.tasks_allow")

    def test_the_first_packet_must_be_a_spec(self):
        server = self.serve({"op": "fork", "worker": 1})
        self.assertEqual(server.answer["op"], "failed")
        self.assertEqual(server.close()[0], 2)

    def test_the_project_comes_before_the_runtime_and_its_library_last(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("boot", "dispatcherd_worker", "json"):
                with open(os.path.join(directory, name + ".py"), "w", encoding="utf-8") as stream:
                    stream.write("MINE = True\n")
            shutil.copytree(os.path.join(harness.HOME, "dispatcherd"), os.path.join(directory, "dispatcherd"))
            with open(os.path.join(directory, "main.py"), "w", encoding="utf-8") as stream:
                stream.write("import boot, dispatcherd, sys\nassert boot.MINE\n"
                             "print(sys.path, dispatcherd.__file__, __import__('os').getcwd())\n")
            server = self.serve({"python_path": [directory], "preload": ["main"], "working_directory": directory})
            self.assertEqual(server.answer["op"], "ready", server.answer)
            self.assertEqual(server.answer["library"], "dispatcherd of unknown version")
            printed = server.close()[1]
            self.assertIn("['%s', " % directory, printed)
            self.assertIn("'%s'] %s/dispatcherd/__init__.py %s" % (harness.HOME, directory, directory), printed)

    def test_pythonpath_and_environment_reach_the_project(self):
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "elsewhere.py"), "w", encoding="utf-8") as stream:
                stream.write("import os\nprint('found', os.environ['DJANGO_SETTINGS_MODULE'])\n")
            server = self.serve({"preload": ["elsewhere"]},
                                environ={"PYTHONPATH": directory, "DJANGO_SETTINGS_MODULE": "app.settings"})
            self.assertEqual(server.answer["op"], "ready", server.answer)
            self.assertEqual(server.close(), (0, "found app.settings\n"))

    def test_what_imports_print_is_not_printed_again_by_workers(self):
        server = self.serve({"preload": ["chatty", "sample"]})
        worker = server.fork().go()
        self.addCleanup(worker.close)
        worker.hello()
        worker.leave()
        worker.wait()
        self.assertEqual(worker.read(worker.stdout), "")
        code, printed = server.close()
        self.assertEqual((code, printed.count("half a line")), (0, 1), printed)
        self.assertIn("threads, which workers do not have: lonely", printed)


class Packets(unittest.TestCase):
    def test_the_longest_packet_fits_the_kernels_default(self):
        with open("/proc/sys/net/core/wmem_default", encoding="ascii") as stream:
            self.assertLess(forkserver.MAX_PACKET, int(stream.read()))
