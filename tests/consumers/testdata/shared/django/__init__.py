"""Stands in for Django: what the products' use of dispatcherd touches of it, and no more."""

import importlib
import os


def setup():
    """Loads the settings, which configures dispatcherd in the products that do so there."""
    from django.conf import settings

    settings.load(importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"]))
