"""The folder can be installed as a package, with what its features need named as extras."""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from tests import harness

LIBRARY = os.path.join(harness.HOME, "dispatcherd")


def files(directory):
    """Return the Python files below a directory."""
    found = glob.glob(os.path.join(directory, "**", "*.py"), recursive=True)
    return {os.path.relpath(path, directory) for path in found if "__pycache__" not in path}


class Install(unittest.TestCase):
    def test_every_package_is_named(self):
        with open(os.path.join(LIBRARY, "pyproject.toml"), encoding="utf-8") as stream:
            text = stream.read()
        packages = [os.path.dirname(path) for path in glob.glob(os.path.join(LIBRARY, "**", "__init__.py"), recursive=True)]
        self.assertGreater(len(packages), 5)
        for package in packages:
            name = os.path.relpath(package, harness.HOME).replace(os.sep, ".")
            self.assertIn('"%s",\n' % name, text)
        self.assertNotIn("scripts", text)

    def test_the_originals_extras_are_known_as_every_pip_spells_them(self):
        with open(os.path.join(LIBRARY, "pyproject.toml"), encoding="utf-8") as stream:
            text = stream.read()
        for extra in ("pg-notify", "pg-notify-dev", "pg-notify-prod", "metrics"):
            self.assertIn("\n%s = [" % extra, text)
        self.assertNotIn("\npg_notify", text)

    @unittest.skipIf(harness.original_library() is None,
                     "%s names no virtual environment, which would have setuptools" % harness.VENV_VARIABLE)
    def test_what_is_installed_is_whole_and_works_alone(self):
        python = os.path.join(os.path.abspath(os.environ[harness.VENV_VARIABLE]), "bin", "python")
        with tempfile.TemporaryDirectory() as directory:
            source = os.path.join(directory, "source")
            shutil.copytree(LIBRARY, source, ignore=shutil.ignore_patterns("__pycache__"))
            metadata, target = os.path.join(directory, "metadata"), os.path.join(directory, "target")
            os.mkdir(metadata)
            build = [python, "-c", "import setuptools; setuptools.setup()", "--quiet", "egg_info", "--egg-base", metadata,
                     "build", "--build-base", directory, "--build-lib", target]
            done = subprocess.run(build, cwd=source, timeout=300, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual(files(os.path.join(target, "dispatcherd")), files(LIBRARY))
            self.assertTrue(os.path.exists(os.path.join(target, "dispatcherd", "py.typed")))
            with open(os.path.join(metadata, "dispatcherd.egg-info", "PKG-INFO"), encoding="utf-8") as stream:
                said = stream.read()
            for line in ("Name: dispatcherd", "Requires-Python: >=3.9", "Provides-Extra: yaml", "Provides-Extra: toml"):
                self.assertIn(line + "\n", said)
            self.assertRegex(said, "Provides-Extra: pg[_-]notify\n")
            use = "from dispatcherd.publish import task; from dispatcherd.factories import get_control_from_settings"
            subprocess.run([python, "-S", "-c", use], check=True, env={"PYTHONPATH": target}, timeout=60)
