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
