"""The broker for unix sockets, and the control client over it."""

import asyncio
import json
import os
import socket
import tempfile
import threading
import unittest

from dispatcherd.brokers.socket import Broker
from dispatcherd.chunking import split_message
from dispatcherd.control import Control

PATIENCE = 20


class SocketCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "d.sock")

    def serve(self, *replies, close=False):
        """Be a service: answer the first line of each connection with these bytes; return the lines."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        lines = []

        def run():
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                try:
                    with connection, connection.makefile("rb") as stream:
                        for line in stream:
                            lines.append(json.loads(line))
                            connection.sendall(b"".join(replies))
                            if close:
                                break
                except ConnectionError:
                    pass  # the client has what it wants

        thread = threading.Thread(target=run)
        thread.start()

        def stop():
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()

        self.addCleanup(stop)
        return lines


class Client(SocketCase):
    def control(self):
        return Control("socket", {"socket_path": self.path})

    def ways(self):
        """Return the two ways to ask."""
        return (self.control().control_with_reply,
                lambda *a, **k: asyncio.run(self.control().acontrol_with_reply(*a, **k)))

    def test_a_request_and_its_reply(self):
        lines = self.serve(b'\n{"node_id": "a"}\n')
        for ask in self.ways():
            self.assertEqual(ask("running", data={"task": "t"}, timeout=PATIENCE), [{"node_id": "a"}])
        for request in lines:
            self.assertRegex(request.pop("reply_to"), "^reply_to_")
            self.assertEqual(request, {"control": "running", "control_data": {"task": "t"}})

    def test_several_replies_in_chunks_and_of_any_length(self):
        chunks = split_message(json.dumps({"a": "x" * 3000}), max_bytes=1024)
        self.serve(*(chunk.encode() + b"\n" for chunk in chunks), json.dumps({"b": "ü" * 200000}, ensure_ascii=False).encode() + b"\n", b"junk\n")
        for ask in self.ways():
            found = ask("status", expected_replies=3, timeout=PATIENCE)
            self.assertEqual([len(str(reply)) for reply in found[:2]], [3009, 200009])
            self.assertEqual(found[2], {"error": "JSON parse error", "original": "junk"})

    def test_the_end_of_the_connection_ends_the_wait(self):
        self.serve(b'{"node_id": "a"}\n', close=True)
        for ask in self.ways():
            self.assertEqual(ask("alive", expected_replies=2, timeout=PATIENCE), [{"node_id": "a"}])

    def test_silence_is_a_timeout(self):
        self.serve()
        with self.assertRaises(TimeoutError):
            self.control().control_with_reply("alive", timeout=0.05)
        self.assertEqual(asyncio.run(self.control().acontrol_with_reply("alive", timeout=0.05)), [])

    def test_what_came_before_the_silence_is_kept(self):
        self.serve(b'{"node_id": "a"}\n')
        for ask in self.ways():
            self.assertEqual(ask("alive", expected_replies=2, timeout=1), [{"node_id": "a"}])

    def test_nobody_there(self):
        for ask in self.ways():
            with self.assertRaisesRegex(FileNotFoundError, "is dispatcherd running.*d.sock"):
                ask("alive")
        with self.assertRaisesRegex(FileNotFoundError, "is dispatcherd running.*d.sock"):
            Broker(self.path).publish_message(message="m")

    def test_a_long_message_goes_in_chunks_over_one_connection(self):
        lines = self.serve(b"{}\n")
        message = json.dumps({"task": "t", "args": ["x" * 3000]})
        broker = Broker(self.path)
        found = list(broker.process_notify(lambda: broker.publish_message(message=message), timeout=PATIENCE, max_messages=1))
        self.assertEqual(found, [(0, "{}")])
        self.assertIsNone(broker.sock)
        asyncio.run(broker.apublish_message(message=message))
        self.assertIsNone(broker.publish_message(message='{"last": 1}'))
        self.assertIsNone(broker.sock)
        # The service serves one after the other, so that the connection before this one has been closed.
        self.assertEqual(self.control().control_with_reply("alive", timeout=PATIENCE), [{}])
        self.assertIn({"last": 1}, lines)
        self.assertEqual(lines[0]["total"], 4)


class Service(SocketCase):
    """The service's side, for services in Python."""

    def talk(self, talk, count):
        """Serve, and run `talk` in a thread; return the first messages. Messages are answered by an echo."""
        async def serve():
            broker, found = Broker(self.path), []
            done = None

            async def ready():
                nonlocal done
                done = asyncio.get_running_loop().run_in_executor(None, talk)

            async for client, text in broker.aprocess_notify(ready):
                found.append((client, text))
                await broker.apublish_message(origin=client, message=json.dumps({"echo": text}))
                if len(found) == count:
                    await broker.aclose()
            await done
            return found

        return asyncio.run(asyncio.wait_for(serve(), PATIENCE))

    def test_clients_are_numbered_and_each_gets_its_own_reply(self):
        replies = []

        def talk():
            with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
                for client, word in ((one, b"a\n"), (two, b"b\n"), (one, b"c\n")):
                    if word != b"c\n":
                        client.connect(self.path)
                    client.sendall(word)
                    if word != b"c\n":
                        replies.append(client.recv(1000))

        found = self.talk(talk, 3)
        self.assertEqual(found, [(0, "a"), (1, "b"), (0, "c")])
        self.assertEqual(replies, [b'{"echo": "a"}\n', b'{"echo": "b"}\n'])
        self.assertFalse(os.path.exists(self.path))

    def test_a_client_with_a_bad_line_is_disconnected_and_others_are_not(self):
        def talk():
            for bad in (b"\xff\n", b"x" * 100000 + b"\n"):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(self.path)
                    try:
                        client.sendall(bad)
                        ends = client.recv(10)
                    except ConnectionError:
                        ends = b""
                    self.assertEqual(ends, b"")
            Broker(self.path).publish_message(message="good")

        with self.assertLogs("dispatcherd.brokers.socket", "WARNING"):
            self.assertEqual([text for _, text in self.talk(talk, 1)], ["good"])

    def test_a_dead_socket_is_replaced_and_nothing_else(self):
        async def start():
            await Broker(self.path).aprocess_notify().__anext__()

        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
            dead.listen()
            with self.assertRaisesRegex(OSError, "another service"):
                asyncio.run(start())
        self.talk(lambda: Broker(self.path).publish_message(message="m"), 1)
        with open(self.path, "w"):
            pass
        with self.assertRaises(FileExistsError):
            asyncio.run(start())

    def test_a_reply_to_a_client_that_left_is_logged(self):
        with self.assertLogs("dispatcherd.brokers.socket", "ERROR"):
            asyncio.run(Broker(self.path).apublish_message(origin=7, message="m"))
        Broker(self.path).verify_self_check({})
