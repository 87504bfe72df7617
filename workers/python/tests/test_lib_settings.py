"""Settings: from dicts, from YAML, JSON and the daemon's TOML, and what is said of those that cannot be used."""

import copy
import json
import os
import pickle
import sys
import tempfile
import unittest
from unittest import mock

from dispatcherd import config, toml
from tests import harness

SAMPLE = os.path.join(harness.HOME, "..", "..", "packaging", "systemd", "dispatcherd.toml")
TOML = """
version = 2
node_id = "web-1"
chunk_message_timeout = "1m"
[pool]
min_workers = 2
max_workers = 8
scaledown_wait = "250ms"
worker_max_lifetime = "4h"
[worker]
class = "app.worker.Worker"
kwargs = { retries = 3 }
idle_timeout = "1m30s"
[brokers.pg_notify]
conninfo = "dbname=app"
channels = ["jobs", "all"]
default_publish_channel = "jobs"
connect_timeout = "5s"
max_connection_idle = "1s"
[brokers.socket]
path = "/run/dispatcherd/dispatcherd.sock"
[metrics]
listen = "[::1]:8070"
"""
WANTED = {
    "version": 2,
    "brokers": {
        "pg_notify": {
            "config": {"conninfo": "dbname=app", "connect_timeout": 5},
            "channels": ["jobs", "all"], "default_publish_channel": "jobs",
            "max_connection_idle_seconds": 1.0, "max_self_check_message_age_seconds": 1.0,
        },
        "socket": {"socket_path": "/run/dispatcherd/dispatcherd.sock"},
    },
    "producers": {},
    "service": {
        "pool_kwargs": {"min_workers": 2, "max_workers": 8, "scaledown_wait": 0.25, "worker_max_lifetime_seconds": 14400.0},
        "main_kwargs": {"node_id": "web-1", "chunk_message_timeout_seconds": 60.0},
        "metrics_kwargs": {"host": "::1", "port": 8070},
    },
    "publish": {"default_broker": "pg_notify", "default_control_broker": "socket"},
    "worker": {"worker_cls": "app.worker.Worker", "worker_kwargs": {"retries": 3, "idle_timeout": 90.0}},
}
YAML = """
version: 2
brokers:
  socket:
    socket_path: d.sock
service:
  pool_kwargs: {min_workers: 3}
anything: else
"""


def _has(module):
    try:
        __import__(module)
    except ImportError:
        return False
    return True


HAS_YAML = _has("yaml")
HAS_TOML = _has("tomllib") or _has("tomli")


class SettingsCase(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, config.settings, "_wrapped", config.settings._wrapped)
        config.settings._wrapped = None
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop("DISPATCHERD_CONFIG_FILE", None)

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path


class Setup(SettingsCase):
    def test_a_dict_is_taken(self):
        given = {"version": 2, "brokers": {"b": {}}, "service": {"pool_kwargs": {"min_workers": 4}}, "other": 1}
        self.assertFalse(config.is_setup())
        self.assertIs(config.setup(given), config.settings)
        self.assertTrue(config.is_setup())
        self.assertEqual(config.settings.service["pool_kwargs"]["min_workers"], 4)
        self.assertEqual((config.settings.brokers, config.settings.publish), ({"b": {}}, {}))

    def test_sections_that_are_absent_or_null_are_empty(self):
        given = {"version": 2, "service": None, "brokers": None}
        settings = config.DispatcherSettings(given)
        self.assertEqual(settings.serialize(), {
            "version": 2, "brokers": {}, "producers": {}, "service": {"pool_kwargs": {}}, "publish": {}, "worker": {}})
        self.assertEqual(given, {"version": 2, "service": None, "brokers": None})

    def test_what_is_serialized_makes_the_same_settings(self):
        text = json.dumps(config.DispatcherSettings(copy.deepcopy(WANTED)).serialize())
        self.assertEqual(config.DispatcherSettings(json.loads(text)).serialize(), WANTED)

    def test_another_version_is_refused(self):
        for given in ({"brokers": {}}, {"version": 1}, {"version": "2"}):
            with self.assertRaisesRegex(RuntimeError, "^Current config version is 2, config version must match this$"):
                config.DispatcherSettings(given)

    def test_without_settings_the_error_says_what_to_do(self):
        text = "^Dispatcherd not configured, set DISPATCHERD_CONFIG_FILE or call dispatcherd.config.setup$"
        for use in (lambda: config.settings.brokers, config.setup, lambda: config.setup({}), config.settings_from_env):
            with self.assertRaisesRegex(RuntimeError, text):
                use()
        self.assertFalse(config.is_setup())

    def test_the_environment_names_a_file(self):
        os.environ["DISPATCHERD_CONFIG_FILE"] = self.file("d.json", json.dumps(WANTED))
        self.assertEqual(config.settings.publish["default_broker"], "pg_notify")
        self.assertTrue(config.is_setup())

    def test_temporary_settings_end_with_their_block(self):
        config.setup({"version": 2, "publish": {"default_broker": "a"}})
        with self.assertRaises(KeyError):
            with config.temporary_settings({"version": 2, "publish": {"default_broker": "b"}}) as settings:
                self.assertEqual(settings.publish["default_broker"], "b")
                raise KeyError
        self.assertEqual(config.settings.publish["default_broker"], "a")

    def test_the_module_is_a_place_to_keep_something(self):
        self.addCleanup(delattr, config, "_configured")
        config._configured = True
        self.assertTrue(config._configured)

    def test_settings_can_be_copied_before_they_are_known(self):
        copied = pickle.loads(pickle.dumps(copy.deepcopy(config.settings)))
        self.assertFalse(config.is_setup(copied))


class Files(SettingsCase):
    @unittest.skipUnless(HAS_YAML, "PyYAML is not here")
    def test_yaml_is_read(self):
        config.setup(file_path=self.file("dispatcher.yml", YAML))
        self.assertEqual(config.settings.brokers, {"socket": {"socket_path": "d.sock"}})
        self.assertEqual(config.settings.service["pool_kwargs"]["min_workers"], 3)
        for text in ("", "- 1", "text"):
            with self.assertRaisesRegex(RuntimeError, "must hold a mapping"):
                config.settings_from_file(self.file("bad.yml", text))

    @unittest.skipUnless(HAS_YAML, "PyYAML is not here")
    def test_an_error_of_yaml_quotes_nothing_of_the_file(self):
        import yaml
        for text, kind, place in (('version: 2\nconninfo: "password=hunter2\n', yaml.scanner.ScannerError, "line 3, column 1"),
                                  ("password: !hunter2 x", yaml.constructor.ConstructorError, "line 1, column 11"),
                                  ("password: *hunter2", yaml.composer.ComposerError, "line 1, column 11")):
            with self.assertRaises(kind) as raised:
                config.settings_from_file(self.file("bad.yml", text))
            self.assertEqual(str(raised.exception), "the configuration is no valid YAML at " + place)
            self.assertTrue(raised.exception.__suppress_context__)

    def test_without_pyyaml_the_error_names_it(self):
        with mock.patch.dict(sys.modules, {"yaml": None}):
            with self.assertRaisesRegex(ImportError, "PyYAML"):
                config.settings_from_file(self.file("dispatcher.yml", YAML))

    @unittest.skipUnless(HAS_TOML, "no TOML parser is here")
    def test_the_daemons_toml_is_read(self):
        settings = config.settings_from_file(self.file("dispatcherd.toml", TOML))
        self.assertEqual(settings.serialize(), WANTED)

    @unittest.skipUnless(HAS_TOML, "no TOML parser is here")
    def test_the_sample_configuration_is_read(self):
        settings = config.settings_from_file(SAMPLE)
        self.assertEqual(settings.brokers, {"socket": {"socket_path": "/run/dispatcherd/dispatcherd.sock"}})
        self.assertEqual(settings.publish, {"default_control_broker": "socket"})
        self.assertEqual(settings.service["pool_kwargs"]["worker_max_lifetime_seconds"], 14400)
        self.assertEqual(settings.worker, {})

    def test_without_a_toml_parser_the_error_names_one(self):
        with mock.patch.dict(sys.modules, {"tomllib": None, "tomli": None}):
            with self.assertRaisesRegex(ImportError, "tomli"):
                config.settings_from_file(self.file("dispatcherd.toml", TOML))


class Toml(unittest.TestCase):
    def test_what_is_not_said_is_left_out(self):
        self.assertEqual(toml.to_settings({"version": 2}), {
            "version": 2, "brokers": {}, "producers": {}, "service": {"pool_kwargs": {}, "main_kwargs": {}},
            "publish": {}, "worker": {}})
        settings = toml.to_settings({"version": 2, "brokers": {"pg_notify": {}}, "metrics": {}})
        self.assertEqual(settings["brokers"], {"pg_notify": {"config": {"conninfo": ""}, "channels": []}})
        self.assertEqual((settings["publish"], settings["service"]["metrics_kwargs"]), ({}, {}))

    def test_durations_of_zero_turn_off(self):
        settings = toml.to_settings({
            "pool": {"worker_max_lifetime": "0s"}, "brokers": {"pg_notify": {"max_connection_idle": "0s"}}})
        self.assertIsNone(settings["service"]["pool_kwargs"]["worker_max_lifetime_seconds"])
        self.assertIsNone(settings["brokers"]["pg_notify"]["max_connection_idle_seconds"])
        self.assertIsNone(settings["brokers"]["pg_notify"]["max_self_check_message_age_seconds"])

    def test_a_timeout_in_the_conninfo_wins(self):
        settings = toml.to_settings({"brokers": {"pg_notify": {
            "conninfo": "dbname=a connect_timeout=3", "connect_timeout": "9s"}}})
        self.assertNotIn("connect_timeout", settings["brokers"]["pg_notify"]["config"])

    def test_a_password_file_is_libpqs_and_a_credential_the_daemons(self):
        for passfile, want in (("/etc/pass", {"conninfo": "", "passfile": "/etc/pass"}), ("credential:pg", {"conninfo": ""})):
            settings = toml.to_settings({"brokers": {"pg_notify": {"passfile": passfile}}})
            self.assertEqual(settings["brokers"]["pg_notify"]["config"], want)

    def test_durations(self):
        for text, want in (("15s", 15), ("1h30m", 5400), ("1.5s", 1.5), ("100ms", 0.1), ("0s", 0), ("0", 0), ("7us", 7e-6)):
            self.assertAlmostEqual(toml.seconds(text, "k"), want)
        for bad in ("", "15", "s", "1 s", "-1s", 15, None, "1s2"):
            with self.assertRaisesRegex(RuntimeError, "^pool.x: must be a duration"):
                toml.seconds(bad, "pool.x")

    def test_sections_that_are_none_are_named(self):
        for document, words in (({"pool": 5}, "pool: must be a section"), ({"brokers": {"socket": 5}}, "brokers.socket"),
                                ({"metrics": {"listen": "host:http"}}, "metrics.listen")):
            with self.assertRaisesRegex(RuntimeError, words):
                toml.to_settings(document)
