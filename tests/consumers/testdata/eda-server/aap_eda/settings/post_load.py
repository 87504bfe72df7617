"""The configuration of eda-server: min_workers and max_workers are not where dispatcherd looks for them."""

import os

from psycopg.conninfo import conninfo_to_dict

from dispatcherd.config import setup

SCHEDULES = {
    "DefaultWorker": {
        "aap_eda.tasks.monitor_activations": {"schedule": 5},
        "aap_eda.tasks.monitor_projects": {"schedule": 30},
        "aap_eda.tasks.prune_events": {"schedule": 3600},
        "aap_eda.tasks.tick": {"schedule": 0.5},
    },
    "ActivationWorker": {"aap_eda.tasks.monitor_queue": {"schedule": 0.5}},
}


def post_loading(role, queue):
    config = {**conninfo_to_dict(os.environ["CONSUMER_CONNINFO"]), "application_name": "eda-" + role}
    setup(config={
        "version": 2,
        "brokers": {
            "pg_notify": {
                "config": config,
                "sync_connection_factory": "ansible_base.lib.utils.db.psycopg_connection_from_django",
                "channels": ["default" if role == "DefaultWorker" else queue],
                "default_publish_channel": "default",
            },
        },
        "service": {
            "main_kwargs": {"node_id": role},
            "process_manager_cls": "ForkServerManager",
            "process_manager_kwargs": {"preload_modules": ["aap_eda.core.preload"]},
            "min_workers": 1,
            "max_workers": 3,
        },
        "producers": {"ScheduledProducer": {"task_schedule": SCHEDULES[role]}, "ControlProducer": {}},
        "publish": {"default_broker": "pg_notify"},
    })
