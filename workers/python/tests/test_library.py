"""Marking tasks, finding them again, and the base of worker classes."""

import enum
import os
import signal
import sys
import tempfile
import unittest

from dispatcherd import publish, registry, utils
from dispatcherd.processors.params import ProcessorParams
from dispatcherd.worker import exceptions, task


def function():
    return 5


class Klass:
    def run(self):
        return 6


class Marking(unittest.TestCase):
    def setUp(self):
        self.registry = registry.DispatcherMethodRegistry()

    def mark(self, fn, **options):
        return publish.task(registry=self.registry, **options)(fn)

    def tearDown(self):
        vars(function).clear()

    def test_without_decorate_a_function_stays_as_it_is(self):
        self.assertIs(self.mark(function, bind=True, queue="q", timeout=1, on_duplicate="serial", decorate=False,
                                processor_options=()), function)
        self.assertEqual(vars(function), {})

    def test_a_marked_function_is_returned_with_its_ways_to_publish(self):
        self.assertIs(self.mark(function), function)
        self.assertEqual(set(vars(function)), {"delay", "apply_async"})
        self.assertEqual(function(), 5)

    def test_a_marked_function_is_found_by_its_name(self):
        option = ProcessorParams()
        self.mark(function, bind=True, queue=len, timeout=2, on_duplicate="serial", processor_options=[option])
        method = self.registry.get_method(__name__ + ".function", allow_unregistered=False)
        self.assertIs(method, self.registry.get_from_callable(function))
        self.assertEqual((method.fn, method.bind, method.queue, method.submission_defaults),
                         (function, True, len, {"timeout": 2}))
        self.assertEqual(method.processor_options, (option, publish.CompatParams(on_duplicate="serial")))
        self.assertEqual(method.get_callable()(), 5)

    def test_a_class_is_constructed_for_each_call(self):
        self.mark(Klass)
        method = self.registry.get_method(__name__ + ".Klass")
        self.assertEqual(method.get_callable()(), 6)
        self.assertIsNot(method.get_callable().__self__, method.get_callable().__self__)

    def test_later_marks_are_found(self):
        self.assertNotIn(__name__ + ".function", self.registry.lookup_dict)
        self.mark(function)
        self.assertIn(__name__ + ".function", self.registry.lookup_dict)

    def test_what_is_not_marked_is_told_apart(self):
        self.assertIs(self.registry.get_method(__name__ + ".function").fn, function)
        for call in (lambda: self.registry.get_method(__name__ + ".function", allow_unregistered=False),
                     lambda: self.registry.get_from_callable(function)):
            with self.assertRaises(registry.NotRegistered):
                call()
        with self.assertRaises(ImportError):
            self.registry.get_method(__name__ + ".nosuch")

    def test_what_an_import_marks_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "marked_late.py"), "w", encoding="utf-8") as stream:
                stream.write("from dispatcherd.publish import task\n@task(bind=True)\ndef job(binder): pass\n")
            sys.path.insert(0, directory)
            self.addCleanup(sys.path.remove, directory)
            method = registry.registry.get_method("marked_late.job", allow_unregistered=False)
        self.assertTrue(method.bind)

    def test_an_instance_is_refused(self):
        with self.assertRaises(registry.InvalidMethod):
            self.mark(Klass())


class Names(unittest.TestCase):
    def test_names_and_lambda_text_are_resolved(self):
        self.assertIs(utils.resolve_callable("os.path.join"), __import__("os").path.join)
        self.assertIsNone(utils.resolve_callable("os.nosuch"))
        self.assertEqual(utils.resolve_callable("lambda a: a + 1")(1), 2)
        self.assertEqual(utils.serialize_task(function), __name__ + ".function")
        with self.assertRaises(RuntimeError):
            utils.resolve_callable("nodot")
        with self.assertRaises(ModuleNotFoundError):
            utils.resolve_callable("lambda_module_that_is_missing.fn")

    def test_the_words_of_duplicates(self):
        self.assertTrue(issubclass(utils.DuplicateBehavior, enum.Enum))
        self.assertEqual({mode.value for mode in utils.DuplicateBehavior}, {"parallel", "discard", "serial", "queue_one"})


class Workers(unittest.TestCase):
    """The base class as it is without the daemon, which overrides nothing of it."""

    def setUp(self):
        self.registry = registry.DispatcherMethodRegistry()
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.worker = task.TaskWorker(worker_id=1, message_queue=None, finished_queue=None, registry=self.registry)
        self.ran = []

    def mark(self, name, fn, **options):
        fn.__module__, fn.__qualname__ = "made", name
        publish.task(registry=self.registry, decorate=False, **options)(fn)
        return "made." + name

    def test_the_exit_carries_a_result(self):
        self.assertEqual((exceptions.DispatcherExit().result, exceptions.DispatcherExit(4).result), ("<exit>", 4))
        self.assertIs(task.DispatcherCancel, exceptions.DispatcherCancel)
        self.assertTrue(issubclass(exceptions.DispatcherCancel, Exception))

    def test_the_base_runs_a_task_by_itself(self):
        name = self.mark("five", lambda: 5)
        finished = self.worker.perform_work({"task": name, "uuid": "u"})
        self.assertEqual((finished["result"], finished["uuid"], finished["worker"], finished["event"]),
                         (5, "u", 1, "done"))
        self.assertLessEqual(finished["time_started"], finished["time_finish"])
        with self.assertLogs("dispatcherd.worker.task", "ERROR"):
            self.assertIsNone(self.worker.perform_work({"task": __name__ + ".nosuch"})["result"])

    def test_the_base_keeps_the_plain_results_and_drops_the_others(self):
        for result, kept in ((None, None), ([1], [1]), ({"a": 1}, {"a": 1}), (5, 5), ("x", "x"), (True, None),
                             (1.5, None), ((1,), None), (b"x", None)):
            finished = self.worker.get_finished_message(result, {"uuid": "u"}, 0.0)
            self.assertEqual(finished["result"], kept, repr(result))

    def test_a_failure_is_logged_without_its_arguments(self):
        def fail(secret):
            raise ValueError("no luck")

        name = self.mark("fail", fail)
        with self.assertLogs("dispatcherd.worker.task", "ERROR") as logged:
            self.worker.perform_work({"task": name, "kwargs": {"secret": "hunter2"}})
        self.assertIn("no luck", logged.output[0])
        self.assertNotIn("hunter2", logged.output[0])

    def test_callbacks_follow_with_the_uuid_of_the_task(self):
        def note(*args):
            self.ran.append(args)

        def fail():
            raise ValueError("no luck")

        note_name = self.mark("note", lambda binder, word: note(binder.uuid, word), bind=True)
        follow = {"errbacks": [{"task": note_name, "args": ["err"]}], "callbacks": [{"task": note_name, "args": ["after"]}]}
        self.worker.perform_work({"task": self.mark("fine", lambda: None), "uuid": "u1", **follow})
        with self.assertLogs("dispatcherd.worker.task", "ERROR"):
            self.worker.perform_work({"task": self.mark("fail", fail), "uuid": "u2", **follow})
        self.assertEqual(self.ran, [("u1", "after"), ("u2", "err"), ("u2", "after")])

    def test_an_exit_stops_the_callbacks_and_the_worker(self):
        def leave():
            raise exceptions.DispatcherExit("bye")

        never = self.mark("never", lambda: self.ran.append(1))
        finished = self.worker.perform_work({"task": self.mark("leave", leave), "callbacks": [{"task": never}]})
        self.assertEqual((finished["result"], finished["is_stopping"], self.ran), ("bye", True, []))
        self.assertTrue(self.worker.should_exit())

    def test_signals_mean_one_thing_in_a_task_and_another_between(self):
        self.worker.enter_task_mode()
        self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)
        with self.assertLogs("dispatcherd.worker.task", "ERROR"):
            result = self.worker.run_callable({"task": self.mark("stop", lambda: signal.raise_signal(signal.SIGUSR1))})
        self.assertEqual(result, "<cancel>")
        self.worker.enter_idle_mode()
        self.assertFalse(self.worker.should_exit())
        signal.raise_signal(signal.SIGTERM)
        self.assertTrue(self.worker.should_exit())

    def test_a_worker_whose_parent_is_gone_leaves(self):
        self.worker.ppid = -1
        with self.assertLogs("dispatcherd.worker.task", "ERROR"):
            self.assertTrue(self.worker.should_exit())

    def test_the_binder_asks_through_the_queues(self):
        requests = []
        queue = type("Queue", (), {"put": lambda _, value: requests.append(value), "get": lambda _: {"ack": 1}})()
        self.worker.message_queue = self.worker.finished_queue = queue
        binder = self.worker.produce_binder({})
        self.assertEqual((binder.uuid, binder.worker_id), ("<unknown>", 1))
        self.assertEqual(binder.control("running", {"task": "t"}), {"ack": 1})
        binder.control("alive")
        self.assertEqual(requests, [
            {"worker": 1, "event": "control", "command": "running", "control_data": {"task": "t"}},
            {"worker": 1, "event": "control", "command": "alive"}])

    def test_what_a_worker_says_of_itself(self):
        self.assertEqual(self.worker.get_ready_message(), {"worker": 1, "event": "ready"})
        self.assertEqual(self.worker.get_shutdown_message(), {"worker": 1, "event": "shutdown"})
