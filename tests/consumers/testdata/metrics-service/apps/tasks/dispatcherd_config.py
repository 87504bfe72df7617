"""Configures dispatcherd once, which it notes on a module that is not its own."""

import os

from dispatcherd import config


def ensure_configured():
    if getattr(config, "_configured", False):
        return
    config.setup(file_path=os.environ["CONSUMER_FILE"])
    config._configured = True
