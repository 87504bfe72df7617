"""What publishing puts into a message, and where it sends it."""

import json
import subprocess
import sys
import time
import unittest
import uuid

from dispatcherd import publish
from dispatcherd.brokers import get_broker, get_broker_module
from dispatcherd.config import DispatcherSettings, LazySettings
from dispatcherd.factories import _get_publisher_broker_name, get_control_from_settings, get_publisher_from_settings
from dispatcherd.processors.blocker import Blocker
from dispatcherd.processors.delayer import Delayer
from dispatcherd.processors.params import ProcessorParams
from dispatcherd.processors.queuer import Queuer
from dispatcherd.registry import DispatcherMethod, DispatcherMethodRegistry, InvalidMethod
from tests.harness import HOME

MEMORY = "dispatcherd.testing.brokers.memory"


def settings(brokers, **sections):
    """Return settings that are not the process's."""
    made = LazySettings()
    made._wrapped = DispatcherSettings({"version": 2, "brokers": brokers, **sections})
    return made


def job(*args, **kwargs):
    """A task."""


class Job:
    def run(self):
        """Be a task."""


class PublishCase(unittest.TestCase):
    """The messages go to a module with a broker of its own, found by its dotted name."""

    def setUp(self):
        self.registry = DispatcherMethodRegistry()
        self.sent = SENT
        del SENT[:]
        self.settings = settings({__name__: {}})
        self.addCleanup(vars(job).clear)

    def mark(self, fn=job, **options):
        return publish.task(registry=self.registry, **options)(fn)


SENT = []


class Broker:
    """Notes the arguments of each publication; returns the channel, or "default"."""

    def publish_message(self, **arguments):
        SENT.append(arguments)
        return arguments["channel"] or "default"


class Messages(PublishCase):
    def test_a_message_has_its_keys_in_order(self):
        self.mark(timeout=5, on_duplicate="serial")
        before = time.time()
        body, queue = job.apply_async(args=[1], kwargs={"a": 1}, uuid="u", settings=self.settings)
        self.assertEqual(list(body), ["timeout", "task", "time_pub", "on_duplicate", "uuid", "args", "kwargs"])
        self.assertTrue(before <= body.pop("time_pub") <= time.time())
        self.assertEqual(body, {"timeout": 5, "task": __name__ + ".job", "on_duplicate": "serial", "uuid": "u",
                                "args": [1], "kwargs": {"a": 1}})
        self.assertEqual(queue, "default")
        self.assertEqual(list(self.sent[0]), ["channel", "message"])

    def test_the_text_is_that_of_json_dumps(self):
        self.mark()
        body, _ = job.apply_async(args=["ü😀"], settings=self.settings)
        self.assertEqual(self.sent[0]["message"], json.dumps(body))
        self.assertTrue(self.sent[0]["message"].isascii())

    def test_what_is_false_is_left_out(self):
        self.mark(timeout=0)
        body, _ = job.apply_async(args=[], kwargs={}, timeout=None, bind=False, settings=self.settings)
        self.assertEqual(sorted(body), ["task", "time_pub", "uuid"])
        self.assertEqual(str(uuid.UUID(body["uuid"])), body["uuid"])

    def test_later_options_win(self):
        self.mark(timeout=5, processor_options=[Delayer.Params(delay=1), Blocker.Params(on_duplicate="serial")])
        body, _ = job.apply_async(timeout=9, bind=True, settings=self.settings,
                                  processor_options=[Delayer.Params(delay=2)])
        self.assertEqual((body["timeout"], body["delay"], body["on_duplicate"], body["bind"]), (9, 2, "serial", True))

    def test_on_duplicate_of_the_decorator_wins_over_its_options_and_keeps_the_others(self):
        self.mark(on_duplicate="discard", processor_options=[Delayer.Params(delay=1), Blocker.Params("serial")])
        body = job.apply_async.__self__.get_async_body()
        self.assertEqual((body["on_duplicate"], body["delay"]), ("discard", 1))

    def test_the_decorators_bind_is_not_sent(self):
        self.mark(bind=True)
        self.assertNotIn("bind", job.apply_async(settings=self.settings)[0])

    def test_delay_passes_its_arguments_on(self):
        method = DispatcherMethod(job)
        method.apply_async = lambda **arguments: arguments
        self.assertEqual(method.delay(1, a=2), {"args": (1,), "kwargs": {"a": 2}})

    def test_a_class_is_a_task(self):
        self.mark(Job)
        self.addCleanup(lambda: (delattr(Job, "delay"), delattr(Job, "apply_async")))
        self.assertEqual(Job.apply_async(settings=self.settings)[0]["task"], __name__ + ".Job")

    def test_submit_task_takes_marked_and_unmarked_ones(self):
        body, queue = publish.submit_task(job, registry=self.registry, settings=self.settings)
        self.assertEqual((body["task"], queue), (__name__ + ".job", "default"))
        self.mark(timeout=5, queue="q", decorate=False)
        body, queue = publish.submit_task(job, args=(1,), registry=self.registry, settings=self.settings)
        self.assertEqual((body["timeout"], body["args"], queue), (5, (1,), "q"))
        with self.assertRaises(InvalidMethod):
            publish.submit_task(Job(), registry=self.registry, settings=self.settings)

    def test_the_decorator_keeps_its_options(self):
        decorator = publish.DispatcherDecorator(self.registry, queue="q", timeout=3, bind=True)
        self.assertEqual((decorator.queue, decorator.timeout, decorator.bind, decorator.decorate), ("q", 3, True, True))

    def test_there_is_no_keyword_for_delay_or_on_duplicate(self):
        self.mark()
        for keyword in ("delay", "on_duplicate"):
            with self.assertRaises(TypeError):
                job.apply_async(**{keyword: "serial"})


class Channels(PublishCase):
    def test_the_submissions_queue_wins_over_the_decorators(self):
        self.mark(queue="own")
        self.assertEqual(job.apply_async(settings=self.settings)[1], "own")
        self.assertEqual(job.apply_async(queue="other", settings=self.settings)[1], "other")

    def test_a_queue_may_be_a_function(self):
        self.mark(queue=lambda: "made")
        self.assertEqual(job.apply_async(settings=self.settings)[1], "made")
        body, queue = job.apply_async(queue=lambda: "now", settings=self.settings)
        self.assertEqual(queue, "now")
        self.assertNotIn("queue", body)
        job.apply_async(queue=lambda: None, settings=self.settings)
        self.assertIsNone(self.sent[-1]["channel"])

    def test_a_connection_needs_a_broker_with_transactions(self):
        self.mark()
        with self.assertRaisesRegex(ValueError, "within a transaction"):
            job.apply_async(settings=self.settings, connection=object())
        with self.assertRaisesRegex(ValueError, "socket"):
            job.apply_async(settings=settings({"socket": {"socket_path": "d.sock"}}), connection=object())
        self.assertEqual(self.sent, [])


class Options(unittest.TestCase):
    def test_they_are_written_to_and_read_from_messages(self):
        for params, given, default in ((Blocker.Params, {"on_duplicate": "serial"}, {"on_duplicate": "parallel"}),
                                       (Delayer.Params, {"delay": 2.5}, {"delay": 0.0}),
                                       (Queuer.Params, {"delay": 2.5}, {"delay": 0.0})):
            self.assertEqual(params(**given).to_dict(), given)
            self.assertEqual(params().to_dict(), default)
            self.assertEqual(params.from_message({"task": "t", "unknown": 1, **given}), params(**given))
            self.assertEqual(params.from_message({}), params())
            self.assertTrue(issubclass(params, ProcessorParams))
        self.assertEqual(publish.CompatParams.from_message({"on_duplicate": "serial"}).to_dict(), {"on_duplicate": "serial"})


class Imports(unittest.TestCase):
    def test_a_publisher_imports_no_more_than_it_uses(self):
        """A worker's first publication should not wait for what it does without."""
        code = (
            "import socket, sys, tempfile\n"
            "from dispatcherd.config import setup\n"
            "from dispatcherd.publish import submit_task\n"
            "from dispatcherd.worker.task import TaskWorker\n"
            "assert 'uuid' not in sys.modules\n"
            "with tempfile.TemporaryDirectory() as home, socket.socket(socket.AF_UNIX) as server:\n"
            "    server.bind(home + '/s')\n"
            "    server.listen()\n"
            "    setup(config={'version': 2, 'brokers': {'socket': {'socket_path': home + '/s'}}})\n"
            "    submit_task(TaskWorker)\n"
            "print([name for name in ('asyncio', 'argparse', 'psycopg', 'yaml') if name in sys.modules])\n")
        ended = subprocess.run([sys.executable, "-S", "-c", code], env={"PYTHONPATH": HOME}, stdout=subprocess.PIPE, text=True)
        self.assertEqual((ended.returncode, ended.stdout), (0, "[]\n"))


class Brokers(unittest.TestCase):
    def test_one_is_chosen(self):
        one, two = settings({"a": {}}), settings({"a": {}, "b": {}})
        self.assertEqual(_get_publisher_broker_name(settings=one), "a")
        self.assertEqual(_get_publisher_broker_name("c", settings=two), "c")
        default = settings({"a": {}, "b": {}}, publish={"default_broker": "b"})
        self.assertEqual(_get_publisher_broker_name(settings=default), "b")
        with self.assertRaisesRegex(RuntimeError, "'a', 'b'"):
            _get_publisher_broker_name(settings=two)
        with self.assertRaisesRegex(KeyError, "no broker c"):
            get_publisher_from_settings("c", settings=two)

    def test_the_publisher_is_made_of_its_section_and_the_overrides(self):
        made = get_publisher_from_settings(settings=settings({"socket": {"socket_path": "a"}}), socket_path="b")
        self.assertEqual(made.socket_path, "b")

    def test_the_control_broker_wins_over_everything(self):
        both = settings({"socket": {"socket_path": "a"}, MEMORY: {}}, publish={"default_control_broker": "socket"})
        control = get_control_from_settings(MEMORY, settings=both, default_publish_channel="x", channels=["y"])
        self.assertEqual((control.broker_name, control.broker_config), ("socket", {"socket_path": "a"}))
        control = get_control_from_settings(MEMORY, settings=settings({MEMORY: {}}), other=1)
        self.assertEqual((control.broker_name, control.broker_config), (MEMORY, {"other": 1}))

    def test_a_broker_of_ones_own_is_found_by_its_dotted_name(self):
        self.assertIs(get_broker_module(__name__).Broker, Broker)
        self.assertIsInstance(get_broker(__name__, {}), Broker)
        self.assertEqual(str(get_broker("socket", {"socket_path": "p"})), "socket-broker-p")
        with self.assertRaises(ImportError):
            get_broker("nosuch", {})
        with self.assertRaises(TypeError):
            get_broker("socket", {"socket_path": "p", "colour": "red"})
