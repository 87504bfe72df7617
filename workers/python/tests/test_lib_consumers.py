"""The ways in which the projects that use the original's library use it, with ours."""

import asyncio
import unittest

from dispatcherd import config
from dispatcherd.config import is_setup, settings, temporary_settings
from dispatcherd.factories import get_control_from_settings, get_publisher_from_settings
from dispatcherd.processors.blocker import Blocker
from dispatcherd.processors.delayer import Delayer
from dispatcherd.publish import submit_task, task
from dispatcherd.registry import DispatcherMethodRegistry
from dispatcherd.utils import MODULE_METHOD_DELIMITER, resolve_callable, serialize_task
from dispatcherd.worker.exceptions import DispatcherExit
from dispatcherd.worker.task import DispatcherCancel, TaskWorker

NOOP = "dispatcherd.testing.brokers.noop"
CONTROLLER = {  # pools, a reserve, two brokers with a factory, control over the socket, own worker class
    "version": 2,
    "service": {
        "pool_kwargs": {"min_workers": 4, "max_workers": 20, "scaledown_reserve": 1, "worker_max_lifetime_seconds": 14400},
        "main_kwargs": {"node_id": "node-1"}, "process_manager_cls": "ForkServerManager",
        "process_manager_kwargs": {"preload_modules": ["app.dispatch.prefork"]},
        "metrics_kwargs": {"host": "localhost", "port": 8015},
    },
    "brokers": {
        "pg_notify": {
            "config": {"conninfo": "dbname=app", "autocommit": True},
            "sync_connection_factory": "app.db.psycopg_connection", "default_publish_channel": "node-1",
            "channels": ["broadcast_all", "settings_change", "node-1"], "max_connection_idle_seconds": None,
        },
        "socket": {"socket_path": "/run/app/dispatcherd.sock"},
    },
    "publish": {"default_control_broker": "socket", "default_broker": "pg_notify"},
    "producers": {"ScheduledProducer": {"task_schedule": {"app.tasks.beat": {"schedule": 20}}},
                  "OnStartProducer": {"task_list": {"app.tasks.start": {}}}, "ControlProducer": {}},
    "worker": {"worker_cls": "app.worker.Worker", "worker_kwargs": {"idle_timeout": 3}},
}
MISPLACED = {  # keys that the original ignores
    "version": 2, "brokers": {NOOP: {}}, "service": {
        "min_workers": 2, "max_workers": 9, "task_settings": {"max_retries": 3}}, "logging": {"level": "INFO"},
}


class Settings(unittest.TestCase):
    def test_configurations_in_the_wild_are_taken(self):
        for given in (CONTROLLER, MISPLACED):
            with temporary_settings(given):
                self.assertTrue(is_setup())
                self.assertEqual(settings.brokers, given["brokers"])
                self.assertEqual(settings.service["pool_kwargs"].get("min_workers"),
                                 given["service"].get("pool_kwargs", {}).get("min_workers"))

    def test_control_goes_where_the_settings_say_whatever_is_asked(self):
        with temporary_settings(CONTROLLER):
            control = get_control_from_settings(default_publish_channel="node-2")
            self.assertEqual((control.broker_name, control.broker_config),
                             ("socket", {"socket_path": "/run/app/dispatcherd.sock"}))

    def test_a_project_marks_the_module_as_set_up(self):
        self.addCleanup(delattr, config, "_configured")
        self.assertFalse(getattr(config, "_configured", False))
        config._configured = True
        self.assertTrue(getattr(config, "_configured", False))

    def test_publishing_is_a_mock_in_a_projects_tests(self):
        registry = DispatcherMethodRegistry()

        @task(queue="q", bind=True, timeout=5, on_duplicate="queue_one", decorate=False, registry=registry)
        def job(binder, number):
            """A task."""

        with temporary_settings({"version": 2, "brokers": {NOOP: {}}}):
            message, queue = submit_task(job, args=(1,), kwargs={}, uuid="u", timeout=9, registry=registry, processor_options=(
                Blocker.Params(on_duplicate="serial"), Delayer.Params(delay=2)))
            self.assertEqual(list(get_control_from_settings().control_with_reply("alive")), [])
            get_publisher_from_settings().close()
        self.assertEqual((message["uuid"], message["timeout"], message["on_duplicate"], message["delay"], queue),
                         ("u", 9, "serial", 2, ""))
        self.assertFalse(hasattr(job, "delay"))


class Names(unittest.TestCase):
    def test_tasks_are_found_by_their_names(self):
        self.assertIs(resolve_callable(serialize_task(Worker)), Worker)
        self.assertEqual(MODULE_METHOD_DELIMITER, ".")

    def test_a_worker_class_overrides_the_hooks_that_it_wants(self):
        own = {name for name in vars(Worker) if not name.startswith("__")}
        self.assertEqual(own - set(dir(TaskWorker)), set())
        self.assertTrue(issubclass(DispatcherCancel, Exception) and issubclass(DispatcherExit, Exception))

    def test_asyncio_programs_ask_by_the_same_class(self):
        with temporary_settings({"version": 2, "brokers": {"dispatcherd.testing.brokers.noop": {}}}):
            control = get_control_from_settings()
            self.assertEqual(asyncio.run(control.acontrol_with_reply("alive", timeout=0.01)), [])
            self.assertIsNone(asyncio.run(control.acontrol("alive")))


class Worker(TaskWorker):
    def on_start(self):
        """Connect."""

    def pre_task(self, message):
        """Look at the message."""

    def post_task(self, result):
        """Look at the result."""

    def on_idle(self):
        """Close connections."""

    def on_shutdown(self):
        """Disconnect."""
