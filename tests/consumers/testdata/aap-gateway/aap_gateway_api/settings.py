"""Stands in for the settings of aap-gateway."""

from aap_gateway_api.dispatch.config import get_dispatcherd_config
from dispatcherd.config import setup

HOST = "gateway-1"

setup(config=get_dispatcherd_config(HOST))
