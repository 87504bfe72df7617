"""What aap-gateway does with its service: broadcasts, a bound task, tasks of its schedule."""

import django
import record

django.setup()

from aap_gateway_api.tasks import look, reload_proxy  # noqa: E402

from dispatcherd.factories import get_control_from_settings  # noqa: E402

record.wait("check_services")
for version in (1, 2):
    record.answer("published", reload_proxy.apply_async(kwargs={"version": version})[1])
    record.wait("reload_proxy", version=version)
look.delay()
record.wait("look")
record.answer("alive", get_control_from_settings(default_publish_channel="gateway_broadcast").control_with_reply("alive", timeout=30))
