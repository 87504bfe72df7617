"""Where the daemon's program is looked for."""

import os
import stat
import sys
import tempfile
import unittest
from unittest import mock

from dispatcherd.service import program

_PIP = """#!/usr/bin/python3
import sys
from dispatcherd.cli import standalone
sys.exit(standalone())
"""


class Find(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = directory.name
        for patch in (mock.patch.dict(os.environ, {"PATH": "%s/a:%s/b" % (self.home, self.home)}),
                      mock.patch.object(program, "PACKAGED", self.home + "/packaged/dispatcherd")):
            patch.start()
            self.addCleanup(patch.stop)
        os.environ.pop(program.VARIABLE, None)

    def put(self, directory, text="#!/bin/sh\n", mode=0o755):
        """Make a program in the directory; return its path."""
        path = os.path.join(self.home, directory, "dispatcherd")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, mode)
        return path

    def test_the_first_on_path_is_taken(self):
        second = self.put("b")
        self.assertEqual(program.find(), second)
        first = self.put("a")
        self.assertEqual(program.find(), first)

    def test_scripts_that_lead_here_are_skipped(self):
        self.put("a", _PIP)
        second = self.put("b", "\x7fELF")
        self.assertEqual(program.find(), second)

    def test_this_very_script_is_skipped(self):
        first, second = self.put("a"), self.put("b")
        with mock.patch.object(sys, "argv", [first]):
            self.assertEqual(program.find(), second)

    def test_what_cannot_be_executed_is_skipped(self):
        self.put("a", mode=0o644)
        os.makedirs(os.path.join(self.home, "b", "dispatcherd"))
        packaged = self.put("packaged")
        self.assertEqual(program.find(), packaged)

    def test_the_variable_wins(self):
        self.put("a")
        named = self.put("named", _PIP)  # whoever names it must know
        with mock.patch.dict(os.environ, {program.VARIABLE: named}):
            self.assertEqual(program.find(), named)

    def test_a_variable_that_names_nothing_is_told(self):
        self.put("a")
        with mock.patch.dict(os.environ, {program.VARIABLE: "/nowhere"}):
            with self.assertRaisesRegex(RuntimeError, "^DISPATCHERD_PROGRAM names /nowhere, which is no program"):
                program.find()

    def test_no_program_is_one_clear_error(self):
        with self.assertRaisesRegex(RuntimeError, "was not found: it is neither on PATH nor .*; install it, or name it in"):
            program.find()

    def test_a_program_that_cannot_be_read_is_taken(self):
        path = self.put("a", _PIP, stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        with mock.patch("builtins.open", side_effect=PermissionError):  # root may read everything
            self.assertEqual(program.find(), path)
