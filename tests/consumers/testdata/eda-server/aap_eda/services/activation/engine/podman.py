"""Stands in for the engine that starts activations. A cancel comes as the exception that it imports of worker.task."""

import time

import record

from dispatcherd.worker.task import DispatcherCancel


def run(activation):
    record.note("activation begins", id=activation)
    try:
        time.sleep(600)
    except DispatcherCancel:
        record.note("activation is stopped", id=activation)
        raise
