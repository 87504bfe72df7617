"""The tasks of a small web shop, as a project that uses dispatcherd has them."""

import time

from dispatcherd.publish import task


@task()
def greet(name="world"):
    print(f"hello, {name}!")
    return {"greeted": name}


@task()
def pack(order, seconds=2):
    for step in ("picking", "wrapping", "labelling"):
        print(f"order {order}: {step}")
        time.sleep(seconds / 3)
    return order


@task()
def charge(order):
    raise ValueError(f"order {order}: the card was refused")


@task(bind=True)
def report(binder):
    """A bound task: its first argument says who it is and can ask the service."""
    return {"uuid": binder.uuid, "workers": len(binder.control("workers"))}
