"""What eda-server does with its two services: a task of its own, one that runs into its timeout, an activation on a node."""

import django
import record

django.setup()

from aap_eda.tasks import enable_activation, endless, import_project  # noqa: E402

from dispatcherd.factories import get_control_from_settings  # noqa: E402

record.wait("tick")
record.wait("monitor_queue")
record.answer("published", import_project.delay("p")[1])
record.wait("import_project")
endless.apply_async()
record.wait("activation is stopped", id="in time")
enable_activation.apply_async(args=["a-1", "activation-node-1"])
record.wait("enable_activation")
control = get_control_from_settings(default_publish_channel="activation-node-1")
(reply,) = control.control_with_reply("cancel", data={"uuid": "activation-a-1"}, timeout=30)
record.answer("cancelled by", [reply.pop("node_id"), [entry["uuid"] for entry in reply.values()]])
record.wait("activation is stopped", id="a-1")
record.wait("monitor_activations")
