"""The brokers that reach nobody, and the module for tests."""

import asyncio
import unittest

from dispatcherd import testing
from dispatcherd.brokers import get_broker
from dispatcherd.publish import submit_task
from tests.test_lib_publish import job, settings

PLACE = "dispatcherd.testing.brokers."


async def first(messages, count):
    """Return the first messages of a broker."""
    found = []
    async for message in messages:
        found.append(message)
        if len(found) == count:
            await messages.aclose()
            return found


class NoOp(unittest.TestCase):
    def test_it_takes_everything(self):
        broker = get_broker(PLACE + "noop", {})
        self.assertEqual(broker.publish_message(channel="c", message="m"), "")
        self.assertEqual(broker.publish_within(None, message="m"), "")
        asyncio.run(broker.apublish_message(message="m"))
        self.assertEqual(submit_task(job, settings=settings({PLACE + "noop": {}}), connection=object())[1], "")
        broker.verify_self_check({})
        broker.close()
        asyncio.run(broker.aclose())

    def test_it_has_nothing_to_say_and_can_be_cancelled(self):
        for name in ("noop", "error_only"):
            broker, called = get_broker(PLACE + name, {}), []

            async def ready():
                called.append(1)

            with self.assertRaises(asyncio.TimeoutError):
                asyncio.run(asyncio.wait_for(first(broker.aprocess_notify(ready), 1), 0.05))
            self.assertEqual(list(broker.process_notify(lambda: called.append(2))), [])
            self.assertEqual(called, [1, 2])


class ErrorOnly(unittest.TestCase):
    def test_publishing_raises(self):
        broker = get_broker(PLACE + "error_only", {"error_message": "not today"})
        for publish in (lambda: broker.publish_message(message="m"), lambda: broker.publish_within(None, message="m"),
                        lambda: asyncio.run(broker.apublish_message(message="m"))):
            with self.assertRaisesRegex(RuntimeError, "^not today$"):
                publish()
        with self.assertRaisesRegex(RuntimeError, "^Error-only broker: publishing is not allowed$"):
            get_broker(PLACE + "error_only", {}).publish_message(message="m")


class Memory(unittest.TestCase):
    def setUp(self):
        self.broker = get_broker(PLACE + "memory", {})

    def test_it_keeps_what_is_published(self):
        self.assertEqual(self.broker.publish_message(channel="c", message="m"), "m")
        asyncio.run(self.broker.apublish_message(channel="d", origin=3, message="n"))
        self.assertEqual(self.broker.published_messages, [
            {"channel": "c", "origin": None, "message": "m", "is_async": False},
            {"channel": "d", "origin": 3, "message": "n", "is_async": True}])

    def test_it_hands_out_what_was_put_in(self):
        for text in "abc":
            self.broker.queue_notification("origin", text)
        self.assertEqual(list(self.broker.process_notify()), [("origin", "a")])
        self.assertEqual(list(self.broker.process_notify(max_messages=None)), [("origin", "b"), ("origin", "c")])
        self.assertEqual(asyncio.run(first(self.broker.aprocess_notify(), 3)), [("origin", text) for text in "abc"])

    def test_it_wakes_who_waits(self):
        async def ready():
            asyncio.get_running_loop().call_later(0.01, self.broker.queue_notification, 1, "late")

        waiting = asyncio.wait_for(first(self.broker.aprocess_notify(ready), 1), 20)
        self.assertEqual(asyncio.run(waiting), [(1, "late")])


class Testing(unittest.TestCase):
    def test_the_module_names_what_it_has(self):
        self.assertEqual(sorted(testing.__all__), ["adispatcher_service", "dispatcher_service", "wait_for_producers_ready"])
        with self.assertRaises(AttributeError):
            testing.nosuch
