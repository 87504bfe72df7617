"""Our library beside the original's: the same uses give the same messages, chunks, settings and errors.

DISPATCHERD_TEST_VENV names the virtual environment that holds the original, psycopg and PyYAML.
"""

import difflib
import json
import os
import subprocess
import sys
import tempfile
import unittest

from tests import harness

PLACES = (
    "config: setup settings DispatcherSettings LazySettings settings_from_file settings_from_env temporary_settings is_setup",
    "publish: task submit_task DispatcherDecorator CompatParams",
    "registry: registry DispatcherMethodRegistry DispatcherMethod UnregisteredMethod DispatcherError NotRegistered InvalidMethod",
    "processors.blocker: Blocker", "processors.delayer: Delayer", "processors.queuer: Queuer", "processors.params: ProcessorParams",
    "utils: DuplicateBehavior resolve_callable serialize_task MODULE_METHOD_DELIMITER DispatcherCallable RunnableClass",
    "worker.task: TaskWorker DispatcherBoundMethods WorkerSignalHandler DispatcherCancel DispatcherExit",
    "worker.exceptions: DispatcherCancel DispatcherExit",
    "factories: from_settings get_control_from_settings get_publisher_from_settings process_manager_from_settings "
    "pool_from_settings brokers_from_settings producers_from_settings generate_settings_schema get_broker "
    "_get_publisher_broker_name schema_for_cls is_valid_annotation",
    "control: Control JSON_ERROR_STR", "brokers: get_broker get_broker_module",
    "brokers.socket: Broker SOCKET_MAX_MESSAGE_BYTES",
    "brokers.pg_notify: Broker create_connection acreate_connection connection_saver async_connection_saver "
    "DispatcherdInvalidChannel validate_channel_name connection_save ConnectionSaver PG_NOTIFY_MAX_PAYLOAD_BYTES",
    "chunking: split_message ChunkAccumulator parse_chunk_dict CHUNK_MARKER CHUNK_VERSION",
    "testing.brokers.noop: Broker", "testing.brokers.error_only: Broker", "testing.brokers.memory: Broker",
    "protocols: Broker BrokerSelfCheckStatus ProducerEvents Producer PoolWorker ProcessorParams Processor Queuer DelayCapsule "
    "Delayer Blocker WorkerData SharedAsyncObjects PoolEvents WorkerPool DispatcherMetricsServer DispatcherMain TaskWorker",
)
STEP = {"already_queued", "already_running", "count", "pop_unblocked_messages", "process_task", "remove_task", "shutdown",
        "active_tasks", "get_free_worker", "get_worker_or_process_task", "queuer", "workers", "process_message_now", "shared",
        "create_delayed_task", "remove_capsule", "run_delayed_capsule"}
INTERNAL = {  # what only the original's own service uses
    "processors.blocker.Blocker": STEP, "processors.queuer.Queuer": STEP,
    "processors.delayer.Delayer": STEP | {
        "all_tasks", "background_task", "kick", "mark_next_wakeup", "mk_new_task", "needs_new_task", "process_wakeups"},
    "brokers.socket.Broker": {"apublish_message_to_socket"},
    "brokers.pg_notify.Broker": {"generate_self_check_channel_name", "apublish_message_from_cursor"},
    "protocols.PoolEvents": {"management_event", "workers_ready", "work_cleared"},  # annotated here
}
MEMBERS = r"""
import importlib, inspect, json, sys
found = {}
for place in json.loads(sys.argv[1]):
    module, _, names = place.partition(": ")
    for name in names.split():
        value = getattr(importlib.import_module("dispatcherd." + module), name)
        public = {m for m in dir(value) if not m.startswith("_")} if inspect.isclass(value) else set()
        try:
            arguments = [p.name for p in inspect.signature(value).parameters.values()]
        except (TypeError, ValueError):
            arguments = []
        found[module + "." + name] = [sorted(public), arguments]
print(json.dumps(found))
"""


def _reason_to_skip():
    library = harness.original_library()
    if library is None:
        return "%s does not name a virtual environment with the original's library" % harness.VENV_VARIABLE
    if "python%d.%d" % sys.version_info[:2] not in library:
        return "they are compared once, on the version of Python that the virtual environment has"
    return None


@unittest.skipIf(_reason_to_skip() is not None, _reason_to_skip())
class Beside(unittest.TestCase):
    def run_both(self, *command):
        """Run the environment's interpreter with each library; return the two outputs."""
        python = os.path.join(os.path.abspath(os.environ[harness.VENV_VARIABLE]), "bin", "python")
        outputs = []
        for path in ("", harness.HOME):
            environment = {key: value for key, value in os.environ.items() if not key.startswith(("DISPATCHERD_", "PYTHON"))}
            environment.update({"PYTHONPATH": path} if path else {})
            with tempfile.TemporaryDirectory() as directory:
                done = subprocess.run([python, "-B", *command], cwd=directory, env=environment, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            outputs.append(done.stdout)
        return outputs

    def test_the_same_uses_give_the_same_results(self):
        theirs, ours = (output.splitlines() for output in self.run_both(os.path.join(harness.PROJECT, "compare.py")))
        self.assertIn("site-packages", theirs.pop())
        self.assertEqual(json.loads(ours.pop()), os.path.join(harness.HOME, "dispatcherd"))
        self.assertGreater(len(theirs), 4000)
        self.assertFalse(any('"raises", []' in line for line in theirs))
        difference = list(difflib.unified_diff(theirs, ours, "original", "ours", n=0))
        self.assertEqual(difference[:60], [])

    def test_every_public_name_is_there_with_its_arguments(self):
        theirs, ours = (json.loads(output) for output in self.run_both("-c", MEMBERS, json.dumps(PLACES)))
        for name, (members, arguments) in theirs.items():
            with self.subTest(name):
                members, arguments = (set(names) - INTERNAL.get(name, set()) for names in (members, arguments))
                self.assertEqual((members - set(ours[name][0]), arguments - set(ours[name][1])), (set(), set()))
