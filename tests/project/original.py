"""Runs the code on standard input as a program of a project that uses the Python original.

The first argument is what its dispatcherd.config.setup gets, the others are JSON values, in `args`.
Each call of answer() prints a value as a line of JSON.
"""

import asyncio
import json
import sys
from importlib import metadata

from dispatcherd.config import setup
from dispatcherd.factories import get_control_from_settings, get_publisher_from_settings
from dispatcherd.processors.blocker import Blocker
from dispatcherd.processors.delayer import Delayer
from dispatcherd.publish import submit_task

from app import jobs, tasks


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    if metadata.version("dispatcherd") != "2026.5.27":
        sys.exit("this is not the release of the original that the tests were written for")
    setup(json.loads(sys.argv[1]))
    names = {
        "args": [json.loads(text) for text in sys.argv[2:]],
        "control": get_control_from_settings(),
        "publisher": get_publisher_from_settings(),
    }
    for f in (answer, submit_task, get_control_from_settings, get_publisher_from_settings, Blocker, Delayer):
        names[f.__name__] = f
    for module in (asyncio, json, jobs, tasks):
        names[module.__name__.split(".")[-1]] = module
    exec(compile(sys.stdin.read(), "<test>", "exec"), names)


main()
