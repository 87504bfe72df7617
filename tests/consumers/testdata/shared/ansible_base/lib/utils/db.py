"""Stands in for the connection factory that the products name in sync_connection_factory."""

import psycopg
import record
from django.db import connection


def psycopg_connection_from_django(**config):
    """Publishers connect as Django does; what the configuration says is for the service."""
    record.note("factory called", keys=sorted(key for key in config if key in ("application_name", "conninfo")))
    return psycopg.connect(**connection.get_connection_params(), autocommit=True)
