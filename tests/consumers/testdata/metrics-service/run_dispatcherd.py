"""Stands in for the command of metrics-service, with options that it prints and does not use otherwise."""

import argparse
import logging

import django
from dispatcherd import run_service

if __name__ == "__main__":  # the original's fork server loads this module as well
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int)
    parser.add_argument("--max-tasks", type=int)
    print(parser.parse_args())
    logging.basicConfig(level=logging.INFO)
    django.setup()
    run_service()
