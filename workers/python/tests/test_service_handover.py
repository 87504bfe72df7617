"""How run_service() gives the daemon its settings, and becomes it."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

from dispatcherd import run_service
from dispatcherd.config import DispatcherSettings
from dispatcherd.service import handover
from tests.harness import HOME

SECRET = "hunter2"
SETTINGS = {
    "version": 2,
    "brokers": {"pg_notify": {"config": {"conninfo": "password=" + SECRET}, "channels": ["a"]}},
    "worker": {"worker_cls": "app.Worker"},
}

# Stands for the daemon: says what it was started with.
_PROGRAM = """#!%s
import json, os, signal, sys
with open(sys.argv[2]) as stream:
    settings = json.load(stream)
print(json.dumps({"pid": os.getpid(), "argv": sys.argv, "environ": dict(os.environ), "settings": settings,
                  "ignored": open("/proc/self/status").read().split("SigIgn:")[1].split()[0]}), flush=True)
sys.exit(7)
"""


class Document(unittest.TestCase):
    def document(self, **sections):
        return handover.document(DispatcherSettings(dict({"version": 2}, **sections)))

    def test_the_workers_python_is_this_one(self):
        document = self.document(worker={"worker_cls": "app.Worker"})
        worker = document["dispatcherd"]["worker"]
        self.assertEqual((document["worker"], worker["python"]), ({"worker_cls": "app.Worker"}, sys.executable))
        self.assertEqual(worker["pythonpath"][0], os.path.abspath(sys.path[0]))
        self.assertTrue(all(os.path.isabs(entry) for entry in worker["pythonpath"]))

    def test_another_python_of_the_settings_stays(self):
        own = {"pool": {"cancel_grace": "3s"}, "worker": {"python": "/opt/python", "pythonpath": []}}
        self.assertEqual(self.document(dispatcherd=own)["dispatcherd"], own)

    def test_live_objects_for_publishers_are_left_out(self):
        broker = {"config": {"context": object(), "cursor_factory": dict, "autocommit": True},
                  "sync_connection": object(), "async_connection": None, "sync_connection_factory": "app.connect",
                  "async_connection_factory": print, "channels": ("a", "b")}
        self.assertEqual(self.document(brokers={"pg_notify": broker})["brokers"], {"pg_notify": {
            "config": {"autocommit": True}, "async_connection": None, "sync_connection_factory": "app.connect",
            "channels": ["a", "b"]}})

    def test_any_other_object_is_an_error_that_names_its_key(self):
        for sections, text in (
                ({"brokers": {"pg_notify": {"config": {"password": SECRET.encode()}}}},
                 "settings: brokers.pg_notify.config.password is a bytes, which the daemon cannot be given"),
                ({"service": {"pool_kwargs": {"max_workers": [1, object()]}}},
                 "settings: service.pool_kwargs.max_workers.1 is a object, which"),
                ({"service": {"main_kwargs": {"context": object()}}}, "settings: service.main_kwargs.context is a object"),
                ({"service": {"pool_kwargs": {"x": float("inf")}}}, "settings: service.pool_kwargs.x is not finite"),
                ({"worker": {5: SECRET}}, "settings: a key of worker is a int: keys must be strings")):
            with self.assertRaises(TypeError) as raised:
                self.document(**sections)
            self.assertTrue(str(raised.exception).startswith(text), raised.exception)
            self.assertNotIn(SECRET, str(raised.exception))

    def test_the_file_is_in_memory_alone(self):
        descriptor = handover.settings_in_memory(DispatcherSettings(SETTINGS))
        self.addCleanup(os.close, descriptor)
        self.assertRegex(os.readlink("/proc/self/fd/%d" % descriptor), r"^/memfd:dispatcherd.yml \(deleted\)$")
        self.assertFalse(os.get_inheritable(descriptor))
        with open("/proc/self/fd/%d" % descriptor, encoding="ascii") as stream:
            self.assertEqual(json.load(stream)["brokers"], SETTINGS["brokers"])

    def test_without_files_in_memory_it_has_no_name(self):
        with mock.patch.object(os, "memfd_create"):
            del os.memfd_create
            descriptor = handover.settings_in_memory(DispatcherSettings(SETTINGS))
        self.addCleanup(os.close, descriptor)
        self.assertEqual(os.fstat(descriptor).st_nlink, 0)
        with open("/proc/self/fd/%d" % descriptor, encoding="ascii") as stream:
            self.assertEqual(json.load(stream)["brokers"], SETTINGS["brokers"])

    def test_the_log_level_is_the_loggers(self):
        logger = logging.getLogger("dispatcherd")
        handler = logging.NullHandler()
        self.addCleanup(logger.setLevel, logger.level)
        with mock.patch.object(logging.getLogger(), "handlers", []):
            self.assertEqual(handover.arguments("p", handover.in_memory(3)), ["p", "--config", "/proc/self/fd/3", "--log-level", "info"])
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)
            for level, name in ((5, "debug"), (10, "debug"), (20, "info"), (30, "warning"), (40, "error"), (50, "error")):
                logger.setLevel(level)
                self.assertEqual(handover.arguments("p", "f")[-1], name)


class RunService(unittest.TestCase):
    """In a process of its own, which ends as the program does."""

    def run_python(self, code, program=_PROGRAM % sys.executable):
        """Run code in a fresh interpreter; return (pid, exit code, stdout, last line of stderr)."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "program")
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(program)
            os.chmod(path, 0o700)
            process = subprocess.Popen(
                [sys.executable, "-B", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HOME,
                env={"PATH": os.environ["PATH"], "DISPATCHERD_PROGRAM": path})
            out, err = process.communicate(timeout=60)
        return process.pid, process.returncode, out, (err.splitlines() or [""])[-1]

    def test_the_process_becomes_the_daemon(self):
        pid, code, out, err = self.run_python(
            "import dispatcherd, dispatcherd.config\n"
            "dispatcherd.config.setup(config=%r)\n"
            "print('before')\n"
            "dispatcherd.run_service()\n" % SETTINGS)
        self.assertEqual((code, err), (7, ""))
        before, said = out.splitlines()
        said = json.loads(said)
        self.assertEqual((before, said["pid"]), ("before", pid))
        self.assertEqual(said["settings"]["brokers"], SETTINGS["brokers"])
        self.assertEqual(said["settings"]["dispatcherd"]["worker"]["python"], sys.executable)
        self.assertNotIn(SECRET, json.dumps([said["argv"], said["environ"]]))

    @unittest.skipIf(sys.version_info < (3, 11), "there is no TOML parser")
    def test_the_daemons_own_file_is_read_by_itself(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("version = 2\n[[schedule]]\ntask = 'a.b'\nevery = '1m'\n")
            file.flush()
            _, code, out, err = self.run_python(
                "import dispatcherd, dispatcherd.config\n"
                "dispatcherd.config.setup(file_path=%r)\n"
                "dispatcherd.run_service()\n" % file.name, "#!/bin/sh\necho $1 $2\n")
        self.assertEqual((code, out, err), (0, "--config %s\n" % file.name, ""))

    def test_no_signal_stays_ignored(self):
        program = "#!/bin/sh\ngrep SigIgn /proc/self/status\n"
        _, code, out, _ = self.run_python(
            "import dispatcherd, dispatcherd.config\n"
            "dispatcherd.config.setup(config={'version': 2})\n"
            "dispatcherd.run_service()\n", program)
        ignored = int(out.split()[1], 16)
        # Those that the C library keeps for itself (32 and 33, see signal(7)) are not Python's to give back.
        left = [number for number in signal.valid_signals() if ignored >> number - 1 & 1]
        self.assertEqual((code, left), (0, []))

    def test_a_program_that_cannot_be_executed_is_told(self):
        _, code, _, err = self.run_python(
            "import dispatcherd, dispatcherd.config\n"
            "dispatcherd.config.setup(config={'version': 2})\n"
            "dispatcherd.run_service()\n", "no program")
        self.assertEqual(code, 1)
        self.assertRegex(err, "^RuntimeError: execute /.*/program: Exec format error$")

    def test_without_settings_it_says_so(self):
        _, code, _, err = self.run_python("import dispatcherd\ndispatcherd.run_service()\n")
        self.assertEqual(code, 1)
        self.assertIn("DISPATCHERD_CONFIG_FILE", err)

    def test_another_thread_is_refused(self):
        raised = []

        def call():
            try:
                run_service()
            except RuntimeError as exc:
                raised.append(str(exc))

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        self.assertEqual(raised, ["run_service() replaces the process, and must be called in its main thread"])
