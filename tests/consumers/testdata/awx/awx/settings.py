"""Stands in for the settings of AWX, which configure dispatcherd."""

from awx.main.dispatch.config import get_dispatcherd_config
from dispatcherd.config import setup

CLUSTER_HOST_ID = "awx-1"

setup(config=get_dispatcherd_config(CLUSTER_HOST_ID))
