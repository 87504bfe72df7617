"""Tests of the worker runtime: `python3 -m unittest discover` in the directory above."""

import sys

sys.dont_write_bytecode = True
