"""A project that wants to hear of nothing that it has no handler for."""

import logging

logging.lastResort = None
