"""Runs the code on standard input as a program of a project that uses our library.

The first argument is the path of a settings file or, as JSON, a dict; the others are JSON values,
in `args`. Each call of answer() prints a value as a line of JSON.
"""

import asyncio
import json
import os
import sys

import dispatcherd
from dispatcherd.config import setup
from dispatcherd.factories import get_control_from_settings, get_publisher_from_settings
from dispatcherd.processors.blocker import Blocker
from dispatcherd.processors.delayer import Delayer
from dispatcherd.publish import submit_task

from app import jobs, tasks

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(HERE, os.pardir, os.pardir, "workers", "python", "dispatcherd", "__init__.py")


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    if not os.path.samefile(dispatcherd.__file__, OURS):
        sys.exit("this is not our library: %s" % dispatcherd.__file__)
    if sys.argv[1].startswith("{"):
        setup(json.loads(sys.argv[1]))
    else:
        setup(file_path=sys.argv[1])
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
