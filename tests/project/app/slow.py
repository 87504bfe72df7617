"""A module whose import takes a minute, unless it is interrupted."""

import time

from .tasks import note

note("slow", "importing")
time.sleep(60)


def run():
    note("slow", "ran")
