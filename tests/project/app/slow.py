"""A module whose import takes until a test makes the file slow.gate."""

import os
import time

from .tasks import note

note("slow", "importing")
while not os.path.exists("slow.gate"):
    time.sleep(0.01)


def run():
    note("slow", "ran")
