"""The fallback library: marking tasks, and finding them again."""

import enum
import unittest

from dispatcherd import publish, registry, utils
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

    def test_a_marked_function_is_returned_unchanged(self):
        self.assertIs(self.mark(function, bind=True, queue="q", timeout=1, on_duplicate="serial", decorate=False,
                                processor_options=()), function)
        self.assertEqual(vars(function), {})

    def test_a_marked_function_is_found_by_its_name(self):
        self.mark(function, bind=True, queue=len, timeout=2, on_duplicate="serial", processor_options=[1])
        method = self.registry.get_method(__name__ + ".function", allow_unregistered=False)
        self.assertIs(method, self.registry.get_from_callable(function))
        self.assertEqual((method.fn, method.bind, method.queue, method.processor_options), (function, True, len, (1,)))
        self.assertEqual((method.submission_defaults["timeout"], method.submission_defaults["on_duplicate"]), (2, "serial"))
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
    def test_the_exit_carries_a_result(self):
        self.assertEqual((exceptions.DispatcherExit().result, exceptions.DispatcherExit(4).result), ("<exit>", 4))
        self.assertIs(task.DispatcherCancel, exceptions.DispatcherCancel)

    def test_the_base_runs_a_task_by_itself(self):
        own = registry.DispatcherMethodRegistry()
        publish.task(registry=own)(function)
        worker = task.TaskWorker(worker_id=1, message_queue=None, finished_queue=None, registry=own, idle_timeout=2)
        finished = worker.perform_work({"task": __name__ + ".function", "uuid": "u"})
        self.assertEqual((finished["result"], finished["uuid"], finished["worker"], finished["event"]), (5, "u", 1, "done"))
        self.assertIsNone(worker.perform_work({"task": __name__ + ".nosuch"})["result"])
