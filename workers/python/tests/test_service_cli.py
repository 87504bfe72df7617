"""The command lines in Python, and the parts of them that projects use."""

import argparse
import contextlib
import importlib
import inspect
import io
import os
import sys
import unittest
from unittest import mock

from tests import harness

try:
    import yaml
except ImportError:  # take that of the virtual environment, which is pure Python where it must be
    sys.path.append(harness.original_library() or "/nowhere")
    try:
        import yaml
    except ImportError:
        yaml = None
    finally:
        sys.path.pop()  # nothing else of it

REPLY = {"node_id": "n1", "level": "INFO"}


class _Control:
    """Takes the place of the client."""

    def __init__(self, replies=(REPLY,), failure=None):
        self.calls = []
        self._replies = list(replies)
        self._failure = failure

    def control_with_reply(self, command, data=None, expected_replies=None):
        """Note the call; give the prepared replies."""
        self.calls.append((command, data, expected_replies))
        if self._failure:
            raise self._failure
        return self._replies


class CliCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if yaml is None:
            raise unittest.SkipTest("PyYAML is not here")
        cls.cli = importlib.import_module("dispatcherd.cli")


class Parts(CliCase):
    """A command line as projects build it."""

    def parser(self):
        """Return a parser that is built of nothing but the private names."""
        from dispatcherd.service import control_tasks

        parser = argparse.ArgumentParser(parents=[self.cli._base_cli_parent(), self.cli._control_common_parent()])
        commands = parser.add_subparsers(dest="command")
        for command in control_tasks.__all__:
            doc = inspect.getdoc(getattr(control_tasks, command)) or ""
            own = commands.add_parser(command, help=doc.splitlines()[0], description=doc,
                                      parents=[self.cli._control_common_parent()])
            self.cli._register_control_arguments(own, self.cli.CONTROL_ARG_SCHEMAS.get(command))
        return parser

    def test_data_holds_what_was_given(self):
        for line, want in (
                ("running --task app.jobs.mail", {"task": "app.jobs.mail"}), ("running", {}),
                ("cancel --uuid u-1 --task t", {"task": "t", "uuid": "u-1"}), ("aio_tasks --limit 3", {"limit": 3}),
                ("set_log_level --level INFO", {"level": "INFO"}), ("alive", {})):
            args = self.parser().parse_args(line.split())
            self.assertEqual(self.cli._build_command_data_from_args(args, args.command), want)

    def test_data_of_a_command_leaves_out_what_belongs_to_others(self):
        args = argparse.Namespace(level="INFO", task="t", uuid="u", verbosity=2)
        self.assertEqual(self.cli._build_command_data_from_args(args, "set_log_level"), {"level": "INFO"})
        self.assertEqual(self.cli._build_command_data_from_args(args, "no_command"), {})

    def test_what_a_command_demands_is_demanded(self):
        for line in ("set_log_level", "set_log_level --level LOUD", "aio_tasks --limit x", "running --limit 3"):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
                self.parser().parse_args(line.split())
            self.assertEqual(ended.exception.code, 2)

    def test_every_kind_of_argument_is_registered(self):
        parser = argparse.ArgumentParser()
        self.cli._register_control_arguments(parser, None)
        self.cli._register_control_arguments(parser, {
            "a_flag": {"type": "bool"}, "number": {"type": "float", "default": 0.5}, "word": {}, "odd": {"type": "what"}})
        self.assertEqual(vars(parser.parse_args([])), {"a_flag": False, "number": 0.5, "word": None, "odd": None})
        self.assertEqual(vars(parser.parse_args("--a-flag --number 2 --word w --odd 5".split())),
                         {"a_flag": True, "number": 2.0, "word": "w", "odd": "5"})

    def test_defaults_are_the_originals(self):
        args = self.parser().parse_args(["alive"])
        self.assertEqual((args.log_level, args.config, args.expected_replies),
                         ("DEBUG", os.path.abspath("dispatcher.yml"), 1))
        self.assertIs(self.cli.get_control_arg_schemas(), self.cli.CONTROL_ARG_SCHEMAS)


class Programs(CliCase):
    def run_control(self, line, control):
        """Run `dispatcherctl`; return (exit code or message, stdout)."""
        out = io.StringIO()
        with contextlib.ExitStack() as stack:
            for patch in (mock.patch.object(sys, "argv", ["dispatcherctl"] + line.split()),
                          mock.patch.object(self.cli, "setup", self.setup),
                          mock.patch.object(self.cli, "get_control_from_settings", lambda: control),
                          mock.patch("logging.basicConfig"), mock.patch.dict(os.environ)):
                stack.enter_context(patch)
            os.environ.pop("DISPATCHERD_CONFIG_FILE", None)
            stack.enter_context(contextlib.redirect_stdout(out))
            try:
                self.cli.control()
            except SystemExit as exc:
                return exc.code, out.getvalue()
        return 0, out.getvalue()

    def setUp(self):
        self.files = []

    def setup(self, file_path=None):
        """Note which file is read."""
        self.files.append(file_path)

    def test_replies_are_printed_as_yaml(self):
        control = _Control()
        code, out = self.run_control("set_log_level --level INFO", control)
        self.assertEqual((code, out), (0, "- level: INFO\n  node_id: n1\n\n"))
        self.assertEqual(control.calls, [("set_log_level", {"level": "INFO"}, 1)])

    def test_options_count_before_the_command_and_after_it(self):
        for line in ("--config a.yml --expected-replies 2 alive", "alive --config a.yml --expected-replies 2"):
            control = _Control([REPLY, REPLY])
            self.assertEqual(self.run_control(line, control)[0], 0)
            self.assertEqual(control.calls, [("alive", {}, 2)])
        self.assertEqual(self.files, [os.path.abspath("a.yml")] * 2)

    def test_too_few_replies_are_printed_and_end_with_one(self):
        with self.assertLogs("dispatcherd.cli", "ERROR") as logged:
            code, out = self.run_control("alive --expected-replies 2", _Control([{"node_id": "n1"}]))
        self.assertEqual((code, out), (1, "- node_id: n1\n\n"))
        self.assertEqual(logged.records[-1].getMessage(), "Obtained only 1 of 2, exiting with non-zero code")

    def test_a_failure_is_one_line(self):
        code, out = self.run_control("alive", _Control(failure=ConnectionRefusedError("refused")))
        self.assertEqual((code, out), ("dispatcherctl: ConnectionRefusedError: refused", ""))
        for failure in (ImportError("no\ndriver"), type("Error", (Exception,), {})("of a\n\tdatabase\n")):
            code, out = self.run_control("alive", _Control(failure=failure))
            self.assertEqual(out, "")
            self.assertRegex(code, "^dispatcherctl: (ImportError: no driver|Error: of a database)$")

    def test_the_variable_names_the_file_unless_the_command_line_does(self):
        parser = self.cli.get_parser()
        with mock.patch.dict(os.environ, DISPATCHERD_CONFIG_FILE="env.yml"), mock.patch("logging.basicConfig"), \
                mock.patch.object(self.cli, "setup", self.setup):
            for argv in ([], ["--config", "other.yml"], ["--config", "dispatcher.yml"]):
                with mock.patch.object(sys, "argv", ["dispatcherd"] + argv):
                    self.cli.setup_from_parser(parser)
        self.assertEqual(self.files, [None, os.path.abspath("other.yml"), None])

    def test_the_service_is_started_with_the_settings(self):
        started = []
        with mock.patch.object(sys, "argv", ["dispatcherd", "--config", "a.yml"]), mock.patch("logging.basicConfig"), \
                mock.patch.object(self.cli, "setup", self.setup), mock.patch.dict(os.environ), \
                mock.patch.object(self.cli, "run_service", lambda: started.append(list(self.files))):
            os.environ.pop("DISPATCHERD_CONFIG_FILE", None)
            self.cli.standalone()
        self.assertEqual(started, [[os.path.abspath("a.yml")]])
        self.assertIs(self.cli.service, self.cli.standalone)

    def test_a_service_that_cannot_start_says_why_in_one_line(self):
        with mock.patch.object(sys, "argv", ["dispatcherd", "--config", "/nowhere.yml"]), mock.patch("logging.basicConfig"), \
                mock.patch.dict(os.environ), self.assertRaises(SystemExit) as ended:
            os.environ.pop("DISPATCHERD_CONFIG_FILE", None)
            self.cli.standalone()
        self.assertRegex(ended.exception.code, "^dispatcherd: .*/nowhere.yml")
