"""The broker pg_notify, against the server that DISPATCHERD_TEST_CONNINFO names; needs psycopg."""

import asyncio
import json
import os
import signal
import sys
import threading
import unittest
import warnings

from dispatcherd.brokers import get_broker
from dispatcherd.config import LazySettings, DispatcherSettings
from dispatcherd.control import Control
from dispatcherd.factories import get_control_from_settings
from dispatcherd.publish import submit_task
from dispatcherd.registry import DispatcherMethodRegistry

CONNINFO = os.environ.get("DISPATCHERD_TEST_CONNINFO")
PATIENCE = 20

try:
    import psycopg
    from dispatcherd.brokers import pg_notify
except ImportError as exc:
    psycopg = None
    REASON = str(exc)
else:
    REASON = "DISPATCHERD_TEST_CONNINFO names no database"


def job():
    """A task that is never run here."""


class Duck:
    """A DB-API connection that has what the interface asks for and no more, as Django's wrapper."""

    def __init__(self, connection):
        self._connection = connection

    def cursor(self):
        return self._connection.cursor()


@unittest.skipIf(psycopg is None or not CONNINFO, REASON)
class PostgresCase(unittest.TestCase):
    """Each test has an application name of its own, and a connection that listens on `jobs`."""

    def setUp(self):
        warnings.simplefilter("error", ResourceWarning)
        self.addCleanup(warnings.resetwarnings)
        self.name = self.id().rsplit(".", 1)[-1][:60]
        self.channel = "jobs_%d" % id(self)
        self.config = {"conninfo": CONNINFO, "application_name": self.name}
        self.observer = psycopg.connect(CONNINFO, autocommit=True)
        self.addCleanup(self.observer.close)
        self.listen(self.channel)
        self.addCleanup(self.forget)
        self.settings = LazySettings()
        self.settings._wrapped = DispatcherSettings({"version": 2, "brokers": {"pg_notify": self.section()}})

    def forget(self):
        pg_notify._kept.close(self.config)

    def section(self, **more):
        return {"config": self.config, "default_publish_channel": self.channel, **more}

    def broker(self, **more):
        broker = get_broker("pg_notify", self.section(**more))
        self.addCleanup(broker.close)
        return broker

    def listen(self, channel):
        self.observer.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))

    def heard(self, count=1):
        """Return the texts of the next `count` notifications."""
        found = []
        while len(found) < count:
            batch = [n.payload for n in self.observer.notifies(timeout=PATIENCE, stop_after=1)]
            self.assertTrue(batch, "%d of %d notifications came: %s" % (len(found), count, found))
            found += batch
        return found

    def silence(self):
        """Assert that nothing has been sent: what is sent after it arrives first."""
        self.observer.execute("SELECT pg_notify(%s, 'end')", (self.channel,))
        self.assertEqual(self.heard(), ["end"])

    def backends(self):
        """Return the pids of the server's processes for this test."""
        rows = self.observer.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s", (self.name,)).fetchall()
        return sorted(row[0] for row in rows)

    def wait_backends(self, count):
        """Wait until there are `count` of them: the server notices an end a moment later."""
        for _ in range(200):
            if len(self.backends()) == count:
                return
            self.observer.execute("SELECT pg_sleep(0.05)")
        self.assertEqual(len(self.backends()), count)


class Publishing(PostgresCase):
    def test_a_channel_is_chosen_and_returned(self):
        self.assertEqual(self.broker().publish_message(message="a"), self.channel)
        self.assertEqual(self.broker(default_publish_channel=None, channels=[self.channel])
                         .publish_message(message="b"), self.channel)
        self.assertEqual(self.broker(default_publish_channel="x").publish_message(self.channel, "c"), self.channel)
        self.assertEqual(self.heard(3), ["a", "b", "c"])
        for channels in ([], ["a", "b"]):
            with self.assertRaises(ValueError):
                self.broker(default_publish_channel=None, channels=channels).publish_message(message="x")

    def test_names_of_channels_are_what_the_server_takes(self):
        for name in ("with-dash", "Upper Case", "-lead", 'quote"d', "emoji😀", "x" * 63, "ü" * 31):
            self.listen(name)
            self.assertEqual(self.broker().publish_message(channel=name, message=name), name)
            self.assertEqual(self.heard(), [name])
        for name in ("", "x" * 64, "😀" * 16, "x" * 120):
            with self.assertRaises(pg_notify.DispatcherdInvalidChannel) as caught:
                self.broker().publish_message(channel=name, message="x")
            self.assertIsInstance(caught.exception, psycopg.DatabaseError)
            self.assertIsInstance(caught.exception, psycopg.errors.SyntaxError)
            with self.assertRaises(pg_notify.DispatcherdInvalidChannel):
                self.broker(channels=[name])
            with self.assertRaises(pg_notify.DispatcherdInvalidChannel):
                self.broker().get_listen_query(name)

    def test_the_limit_of_the_server_is_kept(self):
        for size, parts in ((7999, 1), (8000, 2), (8001, 2)):
            text = json.dumps({"task": "", "pad": ""})
            text = json.dumps({"task": "", "pad": "x" * (size - len(text))})
            self.broker().publish_message(message=text)
            heard = self.heard(parts)
            self.assertLess(max(map(len, heard)), 8000)
            joined = heard[0] if parts == 1 else "".join(json.loads(part)["payload"] for part in heard)
            self.assertEqual(joined, text)

    def test_chunks_are_sent_all_or_none(self):
        broker = self.broker()
        connection = broker.get_connection()
        sent = []
        broker._send = lambda connection, channel, chunks: sent.append(
            (connection.info.transaction_status, len(chunks)))
        broker.publish_message(message="x" * 20000)
        self.assertEqual(sent, [(psycopg.pq.TransactionStatus.INTRANS, 3)])
        self.assertEqual(connection.info.transaction_status, psycopg.pq.TransactionStatus.IDLE)

    def test_publishing_by_asyncio(self):
        async def publish():
            broker = get_broker("pg_notify", self.section())
            await broker.apublish_message(message="a")
            await broker.apublish_message(channel=self.channel, origin="x", message="y" * 9000)
            await broker.aclose()

        asyncio.run(publish())
        self.assertEqual([text[:1] for text in self.heard(3)], ["a", "{", "{"])
        self.wait_backends(0)

    def test_a_factory_makes_the_connections(self):
        section = {"sync_connection_factory": "dispatcherd.brokers.pg_notify.connection_saver",
                   "async_connection_factory": "dispatcherd.brokers.pg_notify.async_connection_saver",
                   "config": self.config}
        first, second = (pg_notify.Broker(**section) for _ in range(2))
        self.addCleanup(setattr, pg_notify, "connection_save", pg_notify.connection_save)
        pg_notify.connection_save = pg_notify.ConnectionSaver()
        self.assertIs(first.get_connection(), second.get_connection())
        first.publish_message(channel=self.channel, message="a")
        first.close()
        self.assertFalse(second.get_connection().closed)
        second.get_connection().close()
        self.assertEqual(self.heard(), ["a"])

        async def both():
            connection = await first.aget_connection()
            self.assertIs(connection, await second.aget_connection())
            await first.aclose()
            self.assertFalse(connection.closed)
            await connection.close()
            fresh = await pg_notify.async_connection_saver(**self.config)
            self.assertIsNot(fresh, connection)
            await fresh.close()

        asyncio.run(both())
        with self.assertRaises(RuntimeError):
            pg_notify.Broker(**{**section, "sync_connection_factory": "os.nosuch"}).get_connection()

    def test_connections_that_are_passed_in_are_used_and_stay_open(self):
        with psycopg.connect(CONNINFO, autocommit=True) as connection:
            broker = pg_notify.Broker(sync_connection=connection, async_connection=object(), channels=[self.channel])
            broker.publish_message(message="a")
            broker.close()
            self.assertFalse(connection.closed)
        self.assertEqual(self.heard(), ["a"])
        with self.assertRaises(RuntimeError):
            broker.publish_message(message="b")

    def test_ten_threads_share_the_saver(self):
        self.addCleanup(setattr, pg_notify, "connection_save", pg_notify.connection_save)
        pg_notify.connection_save = pg_notify.ConnectionSaver()
        found = []
        threads = [threading.Thread(target=lambda: found.append(pg_notify.connection_saver(**self.config)))
                   for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(found), 10)
        self.assertEqual(len(set(map(id, found))), 1)
        found[0].close()


class Kept(PostgresCase):
    """The one connection of a thread."""

    def submit(self, **more):
        return submit_task(job, settings=self.settings, **more)

    def test_all_publications_of_a_thread_go_over_one_connection(self):
        for _ in range(20):
            self.submit()
        self.heard(20)
        self.assertEqual(len(self.backends()), 1)
        connection = self.broker().get_connection()
        self.assertTrue(connection.autocommit)
        prepared = connection.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False).fetchone()
        self.assertEqual(prepared, (0,))  # a pooler need not keep any

    def test_another_configuration_has_another_connection(self):
        self.submit()
        other = {**self.config, "application_name": self.name, "options": "-c statement_timeout=9000"}
        self.addCleanup(pg_notify._kept.close, other)
        pg_notify.Broker(config=other).publish_message(self.channel, "other")
        self.assertEqual(len(self.backends()), 2)

    def test_each_thread_has_its_own_and_closes_it_when_it_ends(self):
        self.submit()
        mine = self.backends()
        during = []

        def publish():
            self.submit()
            during.extend(self.broker().get_connection().info.backend_pid for _ in range(2))

        thread = threading.Thread(target=publish)
        thread.start()
        thread.join()
        self.assertEqual(len(set(during)), 1)
        self.assertNotIn(during[0], mine)
        self.wait_backends(1)
        self.assertEqual(self.backends(), mine)
        self.heard(2)

    @unittest.skipIf(sys.platform == "win32", "there is no fork")
    def test_a_forked_child_has_its_own_and_leaves_its_parents_alone(self):
        self.submit(uuid="before")
        mine = self.backends()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self.submit(uuid="child")
                os.write(write, b"%d" % self.broker().get_connection().info.backend_pid)
                self.forget()
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as stream:
            theirs = int(stream.read())
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertNotIn(theirs, mine)
        self.submit(uuid="after")
        self.assertEqual([json.loads(text)["uuid"] for text in self.heard(3)], ["before", "child", "after"])
        self.wait_backends(1)
        self.assertEqual(self.backends(), mine)

    def test_a_dead_connection_is_replaced_before_sending(self):
        for kill in ("SELECT pg_terminate_backend(%s)", None):
            self.submit(uuid="before")
            mine = self.backends()
            if kill:
                self.observer.execute(kill, (mine[0],))
                self.wait_backends(0)
            else:
                self.broker().get_connection().close()
            self.submit(uuid="after")
            self.assertEqual([json.loads(text)["uuid"] for text in self.heard(2)], ["before", "after"])
            self.assertNotEqual(self.backends(), mine)

    def slow_broker(self, during):
        """Return a broker whose publications take a second, within which a signal calls `during`."""
        before = signal.signal(signal.SIGALRM, lambda number, frame: during())
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        broker = self.broker()
        broker.get_connection()
        broker.NOTIFY_QUERY_TEMPLATE = "SELECT pg_notify(%s, %s), pg_sleep(1)"
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        return broker

    def test_a_publication_that_is_interrupted_does_not_spoil_the_next(self):
        def interrupt():
            raise InterruptedError

        for message in ("x", "x" * 9000):
            with self.assertRaises(InterruptedError):
                self.slow_broker(interrupt).publish_message(message=message)
            self.broker().publish_message(message="after")
            self.wait_backends(1)
            while "after" not in self.heard():
                pass  # the server may have sent the interrupted one

    def test_a_signal_handler_may_publish_during_a_publication(self):
        for message in ("outer", "x" * 9000):
            self.slow_broker(lambda: self.broker().publish_message(message="inner")).publish_message(message=message)
            self.assertEqual(self.heard(2 if message == "outer" else 3)[0], "inner")
            self.wait_backends(1)

    def test_a_notice_does_not_end_a_connection(self):
        self.submit()
        mine = self.backends()
        self.broker().get_connection().execute("LISTEN mine")
        self.observer.execute("SELECT pg_notify('mine', 'something to read')")
        self.submit()
        self.assertEqual(self.backends(), mine)

    def test_close_closes_what_the_broker_has_used(self):
        broker = self.broker()
        broker.publish_message(message="x")
        self.assertEqual(len(self.backends()), 1)
        self.broker().close()  # has used nothing
        self.assertEqual(len(self.backends()), 1)
        broker.close()
        self.wait_backends(0)

    def test_a_program_can_close_what_its_thread_keeps(self):
        self.submit()
        self.assertEqual(len(self.backends()), 1)
        pg_notify.close_connections()
        self.wait_backends(0)
        self.submit()
        self.assertEqual(len(self.backends()), 1)

    def test_the_error_of_an_absent_server_reaches_the_publisher(self):
        settings = LazySettings()
        settings._wrapped = DispatcherSettings({"version": 2, "brokers": {"pg_notify": {
            "config": {"conninfo": "host=/nowhere dbname=x"}, "default_publish_channel": "x"}}})
        with self.assertRaises(psycopg.OperationalError):
            submit_task(job, settings=settings)


class Transactions(PostgresCase):
    """Publishing within the caller's transaction."""

    def both_ways(self, connection, uuid):
        registry = DispatcherMethodRegistry()
        method = registry.register(job)
        submit_task(job, settings=self.settings, uuid=uuid + "1", connection=connection)
        message, channel = method.apply_async(settings=self.settings, uuid=uuid + "2", connection=connection)
        self.assertEqual((message["uuid"], channel), (uuid + "2", self.channel))

    def test_a_task_appears_when_the_transaction_commits(self):
        with psycopg.connect(CONNINFO) as connection:
            for wrap in (lambda c: c, Duck):
                self.both_ways(wrap(connection), "u")
                self.silence()
                connection.commit()
                self.assertEqual([json.loads(text)["uuid"] for text in self.heard(2)], ["u1", "u2"])

    def test_a_task_never_appears_when_the_transaction_is_rolled_back(self):
        with psycopg.connect(CONNINFO) as connection:
            for wrap in (lambda c: c, Duck):
                self.both_ways(wrap(connection), "u")
                connection.rollback()
                self.silence()

    def test_a_savepoint_decides_as_well(self):
        with psycopg.connect(CONNINFO) as connection:
            with connection.transaction():
                submit_task(job, settings=self.settings, uuid="outer", connection=connection)
                with connection.transaction(force_rollback=True):
                    submit_task(job, settings=self.settings, uuid="inner", connection=connection)
        self.assertEqual([json.loads(text)["uuid"] for text in self.heard()], ["outer"])
        self.silence()

    def test_a_long_task_is_within_the_transaction_with_all_its_chunks(self):
        with psycopg.connect(CONNINFO) as connection:
            submit_task(job, args=["x" * 20000], settings=self.settings, connection=connection)
            self.silence()
            connection.commit()
        self.assertEqual([json.loads(text)["index"] for text in self.heard(3)], [0, 1, 2])

    def test_an_asynchronous_connection_is_refused(self):
        async def submit():
            async with await psycopg.AsyncConnection.connect(CONNINFO) as connection:
                submit_task(job, settings=self.settings, connection=connection)

        with self.assertRaises(TypeError):
            asyncio.run(submit())

    def test_no_other_connection_is_made(self):
        with psycopg.connect(CONNINFO) as connection:
            self.both_ways(connection, "u")
            self.assertEqual(self.backends(), [])


class Listening(PostgresCase):
    def test_messages_are_yielded_until_there_are_enough(self):
        broker = self.broker(channels=["a", "b"])

        def send():
            for channel in ("a", "b", "c", "a"):
                self.observer.execute("SELECT pg_notify(%s, %s)", (channel, "to " + channel))

        found = list(broker.process_notify(send, timeout=PATIENCE, max_messages=3))
        self.assertEqual(found, [("a", "to a"), ("b", "to b"), ("a", "to a")])

    def test_the_wait_ends_in_time(self):
        broker = self.broker(channels=["a"])
        self.assertEqual(list(broker.process_notify(timeout=0.05)), [])
        found = list(broker.process_notify(lambda: broker.publish_message("a", "one"), timeout=2, max_messages=None))
        self.assertEqual(found, [("a", "one")])

    def test_listening_in_a_transaction_is_warned_of(self):
        with psycopg.connect(CONNINFO) as connection:
            connection.execute("SELECT 1")
            broker = pg_notify.Broker(sync_connection=connection, async_connection=object(), channels=["a"])
            with self.assertLogs("dispatcherd.brokers.pg_notify", "WARNING") as logged:
                list(broker.process_notify(timeout=0.01))
        self.assertIn("in a transaction", logged.output[0])

    def test_what_the_application_listens_to_stays(self):
        with psycopg.connect(CONNINFO, autocommit=True) as connection:
            connection.execute("LISTEN app")
            broker = pg_notify.Broker(sync_connection=connection, async_connection=object(), channels=["a"])
            list(broker.process_notify(timeout=0.01))
            listened = [row[0] for row in connection.execute("SELECT pg_listening_channels()")]
            self.assertEqual(listened, ["app"])

    def test_asyncio_yields_what_came_in_one_transaction_and_replies_meanwhile(self):
        async def serve():
            broker = get_broker("pg_notify", self.section(channels=["a"]))
            found = []

            async def ready():
                self.observer.execute("; ".join("SELECT pg_notify('a', '%d')" % i for i in range(6)))

            messages = broker.aprocess_notify(ready)
            async for channel, text in messages:
                await broker.apublish_message(channel=self.channel, message="reply " + text)
                found.append(text)
                if len(found) == 6:
                    break
            await messages.aclose()
            await broker.aclose()
            return found

        self.assertEqual(asyncio.run(serve()), [str(i) for i in range(6)])
        self.assertEqual(self.heard(6), ["reply %d" % i for i in range(6)])

    def test_a_lost_connection_is_an_error(self):
        async def serve():
            broker = get_broker("pg_notify", self.section(channels=["a"]))

            async def ready():
                self.observer.execute("SELECT pg_terminate_backend(%s)", (self.backends()[0],))

            try:
                async for _ in broker.aprocess_notify(ready):
                    pass
            finally:
                await broker.aclose()

        with self.assertRaises(psycopg.OperationalError):
            asyncio.run(asyncio.wait_for(serve(), PATIENCE))

    def test_an_idle_connection_is_checked(self):
        async def serve():
            broker = get_broker("pg_notify", self.section(
                channels=[], max_connection_idle_seconds=0.05, max_self_check_message_age_seconds=0.05))
            broker.max_self_check_message_age_seconds = PATIENCE
            messages = broker.aprocess_notify()
            channel, text = await messages.__anext__()
            broker.verify_self_check(json.loads(text))
            stats = broker.get_self_check_stats()
            await messages.aclose()
            await broker.aclose()
            return broker, channel, json.loads(text), stats

        broker, channel, message, stats = asyncio.run(serve())
        self.assertEqual((channel, len(channel)), (broker.self_check_channel, 47))
        self.assertEqual(message, {"self_check": True, "task": 'lambda: "%s"' % broker.broker_id})
        self.assertEqual((stats["enabled"], stats["success_count"]), (True, 1))
        self.assertGreater(stats["max_time_seconds"], 0)
        self.assertEqual(stats["average_time_seconds"], stats["max_time_seconds"])

    def test_a_check_that_does_not_come_back_is_an_error(self):
        async def serve():
            broker = get_broker("pg_notify", self.section(
                channels=[], max_connection_idle_seconds=0.05, max_self_check_message_age_seconds=0.05))
            broker.self_check_channel = "elsewhere"
            try:
                async for _ in broker.aprocess_notify():
                    pass
            finally:
                await broker.aclose()

        with self.assertRaisesRegex(RuntimeError, "self-check"):
            asyncio.run(asyncio.wait_for(serve(), PATIENCE))


class Asking(PostgresCase):
    """Control, with the test as the service."""

    def answer(self, *replies, stray=False):
        """Take a request and send these replies, in a thread; return the thread and the requests."""
        requests = []

        def serve():
            request = json.loads(self.heard()[0])
            requests.append(request)
            for reply in replies:
                text = reply if isinstance(reply, str) else json.dumps(reply)
                pg_notify.Broker(config={"conninfo": CONNINFO}).publish_message(request["reply_to"], text)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        return thread, requests

    def control(self):
        return get_control_from_settings(settings=self.settings)

    def test_replies_of_all_services(self):
        for ask in (self.control().control_with_reply,
                    lambda *a, **k: asyncio.run(self.control().acontrol_with_reply(*a, **k))):
            thread, requests = self.answer({"node_id": "a"}, {"node_id": "b", "long": "x" * 9000})
            found = ask("running", expected_replies=2, timeout=PATIENCE, data={"task": "t"})
            thread.join()
            self.assertEqual([reply["node_id"] for reply in found], ["a", "b"])
            self.assertEqual(len(found[1]["long"]), 9000)
            self.assertEqual(list(requests[0]), ["control", "reply_to", "control_data"])
            self.assertRegex(requests[0]["reply_to"], r"^reply_to_[0-9a-f_]{36}$")
            self.wait_backends(0)

    def test_those_that_came_by_the_deadline(self):
        for ask in (self.control().control_with_reply,
                    lambda *a, **k: asyncio.run(self.control().acontrol_with_reply(*a, **k))):
            self.assertEqual(ask("alive", timeout=1), [])
            self.heard()
            thread, _ = self.answer({"node_id": "a"}, "not JSON")
            found = ask("alive", expected_replies=3, timeout=3)
            thread.join()
            self.assertEqual(found, [{"node_id": "a"}, {"error": "JSON parse error", "original": "not JSON"}])

    def test_without_reply(self):
        self.control().control("cancel", data={"uuid": "u"})
        asyncio.run(self.control().acontrol("cancel"))
        self.assertEqual([json.loads(text) for text in self.heard(2)],
                         [{"control": "cancel", "control_data": {"uuid": "u"}}, {"control": "cancel"}])
        self.wait_backends(0)

    def test_a_channel_of_the_clients_own_wins(self):
        control = Control("pg_notify", self.section(default_publish_channel="nobody"), queue=self.channel)
        control.control("a")
        asyncio.run(control.acontrol("b"))
        control.control_with_reply("c", timeout=0.01)
        asyncio.run(control.acontrol_with_reply("d", timeout=1))
        self.assertEqual([json.loads(text)["control"] for text in self.heard(4)], ["a", "b", "c", "d"])

    def test_it_never_asks_itself(self):
        only = {"config": self.config, "channels": [self.channel]}
        thread, _ = self.answer({"node_id": "a"})
        self.assertEqual(Control("pg_notify", only).control_with_reply("alive", timeout=PATIENCE), [{"node_id": "a"}])
        thread.join()
        for channels in ([], ["a", "b"]):
            control = Control("pg_notify", {"config": self.config, "channels": channels})
            for ask in (lambda: control.control_with_reply("alive"), lambda: control.control("alive"),
                        lambda: asyncio.run(control.acontrol_with_reply("alive")),
                        lambda: asyncio.run(control.acontrol("alive"))):
                with self.assertRaisesRegex(ValueError, "default_publish_channel"):
                    ask()

    def test_replies_to_other_requests_are_dropped(self):
        with psycopg.connect(CONNINFO, autocommit=True) as connection:
            connection.execute("LISTEN reply_to_an_earlier_one")
            section = {"sync_connection": connection, "async_connection": object(), "default_publish_channel": self.channel}
            self.observer.execute("SELECT pg_notify('reply_to_an_earlier_one', '{\"node_id\": \"late\"}')")
            thread, _ = self.answer({"node_id": "a"})
            found = Control("pg_notify", section).control_with_reply("alive", timeout=PATIENCE)
            thread.join()
            self.assertEqual(found, [{"node_id": "a"}])


if __name__ == "__main__":
    unittest.main()
