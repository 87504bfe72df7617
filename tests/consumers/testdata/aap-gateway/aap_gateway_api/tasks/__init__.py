"""Stands in for the tasks of aap-gateway."""

import django
import record

from dispatcherd.publish import task


@task(queue="gateway-1")
def check_services():
    record.note("check_services")


@task(queue="gateway_broadcast", on_duplicate="serial")
def reload_proxy(version):
    """Sets Django up by itself: the product preloads nothing."""
    django.setup()
    from django.db import connection

    record.note("reload_proxy", version=version, rows=connection.query("SELECT 7")[0][0])


@task(queue="gateway-1", bind=True)
def look(binder):
    reply = binder.control("alive", data={})
    record.note("look", reply=reply)
