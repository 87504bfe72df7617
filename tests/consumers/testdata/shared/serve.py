"""Stands in for the management command that runs the service in the products that configure it in Python."""

import logging

import django
from dispatcherd import run_service

if __name__ == "__main__":  # the original's fork server loads this module as well
    logging.basicConfig(level=logging.INFO)
    django.setup()
    run_service()
