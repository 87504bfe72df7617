"""The names of the service that projects import, and what they say when they are used."""

import importlib
import inspect
import unittest

IN_DAEMON = {  # with the arguments that it is made with in the original
    "dispatcherd.service.main": {"DispatcherMain": ["producers", "pool", "shared", "node_id", "metrics"]},
    "dispatcherd.service.pool": {"WorkerPool": ["process_manager", "shared", "min_workers", "scaledown_reserve"],
                                 "PoolWorker": ["worker_id", "process"]},
    "dispatcherd.service.process": {"ProcessProxy": ["args", "kwargs", "target", "ctx"], "ProcessManager": ["settings"],
                                    "ForkServerManager": ["preload_modules", "settings"],
                                    "SpawnServerManager": ["settings"]},
    "dispatcherd.service.metrics": {"DispatcherMetricsServer": ["port", "host"]},
    "dispatcherd.producers": {"BaseProducer": [], "BrokeredProducer": ["broker", "shared"],
                              "ControlProducer": ["shared"], "OnStartProducer": ["task_list", "shared"],
                              "ScheduledProducer": ["task_schedule", "shared"]},
}


class Names(unittest.TestCase):
    def test_what_is_in_the_daemon_says_so(self):
        for module, classes in IN_DAEMON.items():
            for name, arguments in classes.items():
                found = getattr(importlib.import_module(module), name)
                with self.assertRaisesRegex(RuntimeError, "^%s is a part of the dispatcherd daemon, which .*, "
                                                          "and cannot be made in Python: [a-z].+" % name):
                    found(**dict.fromkeys(arguments))

    def test_control_tasks_are_described_and_answered_elsewhere(self):
        from dispatcherd.service import control_tasks

        for command in control_tasks.__all__ + ["run"]:
            function = getattr(control_tasks, command)
            self.assertTrue(inspect.getdoc(function).splitlines()[0].strip(), command)
            with self.assertRaisesRegex(RuntimeError, "the control command %s is answered by the dispatcherd daemon" % command):
                function(dispatcher=None, data={}).send(None)

    def test_the_commands_of_the_original_are_all_there(self):
        from dispatcherd.service import control_tasks

        self.assertEqual(set(control_tasks.__all__) >= {
            "running", "cancel", "alive", "aio_tasks", "workers", "producers", "metrics", "main", "status", "chunks",
            "set_log_level"}, True)
        self.assertNotIn("run", control_tasks.__all__)

    def test_events_of_a_test_service_are_refused(self):
        from dispatcherd.testing import dispatcher_service

        with self.assertRaisesRegex(ValueError, "^the events exit_event, work_cleared are inside the daemon"):
            with dispatcher_service({"version": 2}, main_events=("exit_event",), pool_events=("work_cleared",)):
                self.fail("it was started")

    def test_the_factories_of_a_service_say_what_to_do(self):
        from dispatcherd import factories
        from dispatcherd.config import DispatcherSettings

        whole = {"version": 2, "brokers": {"socket": {"socket_path": "x.sock"}}, "producers": {"ControlProducer": None}}
        for more in ({}, {"brokers": {}}, {"brokers": {}, "producers": {}}, {"service": {"metrics_kwargs": {}}}):
            settings = DispatcherSettings(dict(whole, **more))
            with self.assertRaisesRegex(RuntimeError, r"which dispatcherd\.run_service\(\) starts, and cannot be made"):
                factories.from_settings(settings=settings)

    def test_the_schema_has_the_options_of_the_service(self):
        from dispatcherd import factories
        from dispatcherd.config import DispatcherSettings

        settings = DispatcherSettings({"version": 2, "producers": {"OnStartProducer": {}, "ControlProducer": None}})
        schema = factories.generate_settings_schema(settings=settings)
        self.assertEqual(schema["service"]["pool_kwargs"], {
            "min_workers": "int", "max_workers": "Optional[int]", "scaledown_wait": "float",
            "scaledown_interval": "float", "scaledown_reserve": "int", "worker_stop_wait": "float",
            "worker_removal_wait": "float", "worker_max_lifetime_seconds": "Optional[float]",
            "results_read_timeout": "Optional[float]", "shutdown_task_grace_period": "float"})
        self.assertEqual(schema["service"]["main_kwargs"],
                         {"node_id": "Optional[str]", "chunk_message_timeout_seconds": "Optional[float]"})
        self.assertEqual(schema["service"]["metrics_kwargs"], {"port": "int", "host": "str"})
        self.assertEqual(schema["service"]["process_manager_kwargs"], {"preload_modules": "Optional[List[str]]"})
        self.assertEqual(schema["producers"], {"OnStartProducer": {"task_list": "Dict[str, Dict[str, Any]]"}, "ControlProducer": {}})
