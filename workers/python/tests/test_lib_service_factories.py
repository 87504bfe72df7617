"""What the factories hand to the parts of a service: the parts stand aside, and note it."""

import sys
import types
import unittest
from unittest import mock

from dispatcherd import factories
from tests.test_lib_publish import settings

MEMORY = "dispatcherd.testing.brokers.memory"


class Part:
    """A part of a service, with the arguments that it was made with."""

    def __init__(self, **arguments):
        self.arguments = arguments


def part(name, arguments=""):
    """Return a class of that name whose constructor has these annotated arguments."""
    scope = {}
    exec("def __init__(self%s, **rest): Part.__init__(self, **rest)" % arguments, {"Part": Part}, scope)
    return type(name, (Part,), scope if arguments else {})


class Service(unittest.TestCase):
    def setUp(self):
        modules = {
            "producers": ["BrokeredProducer", "ControlProducer", "ScheduledProducer"], "service": [],
            "service.process": ["ProcessManager", "ForkServerManager", "SpawnServerManager"],
            "service.pool": ["WorkerPool"], "service.asyncio_tasks": ["SharedAsyncObjects"],
            "service.main": ["DispatcherMain"], "service.metrics": ["DispatcherMetricsServer"],
        }
        made = {}
        for name, classes in modules.items():
            module = made["dispatcherd." + name] = types.ModuleType(name)
            for each in classes:
                setattr(module, each, part(each))
        made["dispatcherd.service.pool"].WorkerPool = part(
            "WorkerPool", ", shared: object = None, min_workers: int = 1, max_workers: 'Optional[int]' = None")
        patched = mock.patch.dict(sys.modules, made)
        patched.start()
        self.addCleanup(patched.stop)
        self.modules = made
        self.settings = settings(
            {MEMORY: {}}, producers={"ControlProducer": None, "ScheduledProducer": {"task_schedule": {}}},
            service={"main_kwargs": {"node_id": "n"}, "metrics_kwargs": {"port": 1},
                     "process_manager_kwargs": {"preload_modules": ["m"]}})

    def test_a_whole_service_is_made_of_the_settings(self):
        self.modules["dispatcherd.service.pool"].WorkerPool = part("WorkerPool")
        main = factories.from_settings(self.settings)
        producers = main.arguments["producers"]
        self.assertEqual([type(each).__name__ for each in producers],
                         ["BrokeredProducer", "ControlProducer", "ScheduledProducer"])
        self.assertEqual(str(producers[0].arguments["broker"]), "memory-broker")
        self.assertEqual(producers[2].arguments["task_schedule"], {})
        self.assertEqual((main.arguments["node_id"], main.arguments["metrics"].arguments), ("n", {"port": 1}))
        manager = main.arguments["pool"].arguments["process_manager"]
        self.assertEqual(type(manager).__name__, "ForkServerManager")
        self.assertEqual(manager.arguments, {"preload_modules": ["m"], "settings": self.settings})
        shared = main.arguments["shared"]
        self.assertTrue(all(each.arguments["shared"] is shared for each in [*producers, main.arguments["pool"]]))

    def test_the_process_manager_is_the_one_that_is_named(self):
        self.settings._wrapped.service = {"process_manager_cls": "SpawnServerManager"}
        self.assertEqual(type(factories.process_manager_from_settings(self.settings)).__name__, "SpawnServerManager")

    def test_the_schema_has_a_type_for_each_value(self):
        schema = factories.generate_settings_schema(self.settings)
        self.assertEqual(schema["service"]["pool_kwargs"], {"min_workers": "int", "max_workers": "Optional[int]"})
        self.assertEqual(schema["worker"]["worker_kwargs"]["idle_timeout"], "float")
        self.assertEqual(schema["brokers"]["dispatcherd.testing.brokers.error_only"], {"error_message": "str"})
        self.assertIn("ForkServerManager", schema["service"]["process_manager_cls"])
        self.assertEqual(schema["publish"], {"default_broker": "str"})
        self.assertEqual(self.settings.brokers, {MEMORY: {}})

    def test_which_types_a_file_can_hold(self):
        for annotation, valid in ((int, True), ("Optional[float]", True), ("Dict[str, Any]", True), (object, False),
                                  ("psycopg.Connection[Any]", False), ("", False)):
            self.assertEqual(factories.is_valid_annotation(annotation), valid, annotation)
