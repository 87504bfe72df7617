"""Every file is written for Python 3.9, the oldest that workers run on."""

import ast
import os
import unittest

from tests.harness import HOME


def sources():
    """Return the paths of all our Python files."""
    found = []
    for directory, _, names in os.walk(HOME):
        found += [os.path.join(directory, name) for name in names if name.endswith(".py")]
    return sorted(found)


class Syntax(unittest.TestCase):
    def test_files_parse_as_python_3_9(self):
        self.assertGreater(len(sources()), 20)
        for path in sources():
            with open(path, encoding="utf-8") as stream:
                ast.parse(stream.read(), path, feature_version=(3, 9))

    def test_what_others_use_has_a_docstring(self):
        for path in sources():
            if "/tests/" in path:
                continue
            with open(path, encoding="utf-8") as stream:
                tree = ast.parse(stream.read(), path)
            self.assertTrue(ast.get_docstring(tree), path)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    self.assertTrue(ast.get_docstring(node), "%s: %s" % (path, node.name))
