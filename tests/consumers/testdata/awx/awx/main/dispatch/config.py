"""The configuration of AWX, with the keys that it has; what a test waits for comes sooner."""

import os

from psycopg.conninfo import conninfo_to_dict


def get_pg_notify_params():
    return {**conninfo_to_dict(os.environ["CONSUMER_CONNINFO"]), "autocommit": True, "keepalives": 1, "application_name": "awx-dispatcher"}


def get_dispatcherd_config(node):
    port = os.environ["CONSUMER_PORT"]  # empty for the original, which needs a library for its page
    return {
        "version": 2,
        "service": {
            "pool_kwargs": {"min_workers": 2, "max_workers": 6, "scaledown_reserve": 1, "worker_max_lifetime_seconds": 14400},
            "main_kwargs": {"node_id": node},
            "process_manager_cls": "ForkServerManager",
            "process_manager_kwargs": {"preload_modules": ["awx.main.dispatch.prefork"]},
            "metrics_kwargs": {"host": "127.0.0.1", "port": int(port)} if port else None,
        },
        "brokers": {
            "pg_notify": {
                "config": get_pg_notify_params(),
                "sync_connection_factory": "ansible_base.lib.utils.db.psycopg_connection_from_django",
                "channels": ["tower_broadcast_all", "tower_settings_change", node],
                "default_publish_channel": node,
            },
            "socket": {"socket_path": os.environ["CONSUMER_SOCKET"]},
        },
        "producers": {
            "ScheduledProducer": {"task_schedule": {"awx.main.tasks.system.awx_periodic_scheduler": {"schedule": 0.5, "on_duplicate": "queue_one"}}},
            "OnStartProducer": {"task_list": {"awx.main.tasks.system.dispatch_startup": {}}},
            "ControlProducer": {},
        },
        "publish": {"default_control_broker": "socket", "default_broker": "pg_notify"},
        "worker": {"worker_cls": "awx.main.dispatch.worker.dispatcherd.AWXTaskWorker", "worker_kwargs": {"idle_timeout": 0.2}},
    }
