"""The same tests with the original's library in the project's environment.

DISPATCHERD_TEST_VENV names a virtual environment that holds it.
"""

import sys
import unittest

from tests import harness, test_cancel, test_class, test_damage, test_settings, test_tasks

_OLDEST = (3, 10)  # the original's code is not written for older ones


def _reason_to_skip():
    if harness.original_library() is None:
        return "%s does not name a virtual environment with the original's library" % harness.VENV_VARIABLE
    if sys.version_info < _OLDEST:
        return "the original's library needs Python %d.%d" % _OLDEST
    return None


def _with_the_original(module):
    """Return copies of a module's test cases that run with the original's library."""
    cases = {}
    for name, case in vars(module).items():
        if isinstance(case, type) and issubclass(case, harness.WorkerCase) and case.__module__ == module.__name__:
            copy = type("Original" + name, (case,), {"original": True, "__module__": __name__})
            reason = _reason_to_skip()
            cases[copy.__name__] = unittest.skip(reason)(copy) if reason else copy
    return cases


for _module in (test_cancel, test_class, test_damage, test_settings, test_tasks):
    globals().update(_with_the_original(_module))


@unittest.skipIf(_reason_to_skip() is not None, _reason_to_skip())
class Library(harness.WorkerCase):
    original = True

    def test_ready_names_the_installed_library(self):
        self.assertRegex(self.server.answer["library"], r"^dispatcherd \d")
