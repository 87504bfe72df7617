"""Stands in for django.db: a connection that opens when it is used, and must not be inherited by a fork."""

import os

import psycopg
from psycopg.conninfo import conninfo_to_dict


class Connection:
    def __init__(self):
        self.wrapped, self.opened_by = None, None

    def get_connection_params(self):
        """The parameters of the connection as Django hands them to psycopg: a context for its adapters among them."""
        return {**conninfo_to_dict(os.environ["CONSUMER_CONNINFO"]), "client_encoding": "UTF8", "context": None}

    def ensure_connection(self):
        if self.wrapped is None:
            self.wrapped = psycopg.connect(**self.get_connection_params(), autocommit=True)
            self.opened_by = os.getpid()

    def query(self, sql, *values):
        self.ensure_connection()
        if self.opened_by != os.getpid():
            raise RuntimeError("this connection belongs to another process")
        cursor = self.wrapped.execute(sql, values)
        return cursor.fetchall() if cursor.description else []

    def close(self):
        if self.wrapped is not None:
            self.wrapped.close()
        self.wrapped = None


connection = Connection()


class Connections:
    def close_all(self):
        connection.close()


connections = Connections()
