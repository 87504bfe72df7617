"""Publishes tasks and asks the services, with the library of the Python original."""

import os

from dispatcherd.config import setup
from dispatcherd.factories import get_control_from_settings
from dispatcherd.processors.blocker import Blocker
from dispatcherd.publish import submit_task

setup({
    "version": 2,
    "brokers": {"pg_notify": {
        "config": {"conninfo": os.environ["DISPATCHERD_DEMO_CONNINFO"]},
        "default_publish_channel": "shop",
    }},
})

from shop.tasks import charge, greet, pack  # noqa: E402

greet.delay("everybody who listens on the channel")
greet.apply_async(args=["north"], queue="shop_north")
for _ in range(3):  # equal tasks: two of the three are dropped
    submit_task(pack, args=[10], queue="shop_south", processor_options=(Blocker.Params(on_duplicate="discard"),))
charge.apply_async(args=[11], queue="shop_south", uuid="the-last-one")

control = get_control_from_settings()
for reply in control.control_with_reply("workers", expected_replies=2, timeout=5):
    print(reply.pop("node_id"), "has", len(reply), "workers")
