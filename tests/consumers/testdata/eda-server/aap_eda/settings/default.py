"""Stands in for the settings of eda-server; the service of the role is configured at their end."""

import os

from aap_eda.settings.post_load import post_loading

ROLE = os.environ["CONSUMER_ROLE"]
RULEBOOK_QUEUE_NAME = "activation-node-1"

post_loading(ROLE, RULEBOOK_QUEUE_NAME)
