"""The configuration of aap-gateway: min_workers and max_workers are not where dispatcherd looks for them."""

import os

from psycopg.conninfo import conninfo_to_dict


def get_dispatcherd_config(host):
    return {
        "version": 2,
        "service": {"main_kwargs": {"node_id": host}, "min_workers": 1, "max_workers": 4},
        "brokers": {
            "pg_notify": {
                "config": {**conninfo_to_dict(os.environ["CONSUMER_CONNINFO"]), "application_name": "gateway"},
                "sync_connection_factory": "ansible_base.lib.utils.db.psycopg_connection_from_django",
                "channels": [host, "gateway_broadcast"],
                "default_publish_channel": host,
                "max_connection_idle_seconds": None,
            },
        },
        "producers": {
            "ScheduledProducer": {"task_schedule": {"aap_gateway_api.tasks.check_services": {"schedule": 0.5}}},
            "ControlProducer": None,
        },
        "publish": {"default_broker": "pg_notify"},
    }
