"""The frames on the wire, by the golden file that the Go side reads as well."""

import json
import os
import socket
import unittest

from dispatcherd_worker import frames
from dispatcherd_worker.channel import Channel, ChannelLost
from tests.harness import HOME

GOLDEN = os.path.join(os.path.dirname(HOME), "process", "testdata", "frames.json")


class GoldenFrames(unittest.TestCase):
    def setUp(self):
        with open(GOLDEN, encoding="utf-8") as stream:
            self.golden = json.load(stream)

    def test_encode_writes_the_golden_bytes(self):
        kinds = set()
        for frame in self.golden:
            with self.subTest(frame["name"]):
                kinds.add(frame["kind"])
                body = bytes.fromhex(frame["body_hex"]) if "body_hex" in frame else frame["body"].encode()
                data = frames.encode(ord(frame["kind"]), frame["seq"], body)
                self.assertEqual(data.hex(), frame["hex"])
        self.assertEqual(kinds, set("TCRSHDQLX"), "every kind has a golden frame")

    def test_done_writes_the_golden_frames(self):
        golden = {frame["name"]: frame["hex"] for frame in self.golden if frame["kind"] == "D"}
        began = 1700000000.0
        self.assertEqual(golden, {
            "done with result": frames.done(1, frames.SUCCEEDED, 0, began + 0.25, began + 0.5, "", b"3").hex(),
            "done without result": frames.done(2, frames.CANCELLED, 0, began + 0.25, began + 0.5).hex(),
            "done failed, leaving": frames.done(
                256, frames.FAILED, frames.LEAVES, began, began + 1, "SystemExit: gr\u00fc\u00df").hex(),
            "done with a usage that is not all": frames.done(
                7, frames.FAILED, 0, began, began + 0.5, "no", b"4",
                (True, 1.5, 2.25, 64 << 20, 512, 4608, 0, 1024)).hex(),
            "done with a usage": frames.done(
                8, frames.SUCCEEDED, frames.LEAVES, began, began + 0.5,
                usage=(False, 1.5, 2.25, 64 << 20, 512, 512, 0, 0)).hex(),
            "done with a usage, beginning the next": frames.done(
                9, frames.SUCCEEDED, frames.BEGINS, began, began + 0.5, "", b"5",
                (False, 1.5, 2.25, 64 << 20, 512, 512, 0, 0)).hex(),
        })

    def test_a_channel_reads_golden_frames_however_they_are_cut(self):
        tasks = [frame for frame in self.golden if frame["kind"] == "T"]
        data = b"".join(bytes.fromhex(frame["hex"]) for frame in tasks)
        want = [(frame["seq"], frame["body"].encode()) for frame in tasks]
        for cut in range(len(data) + 1):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                channel = Channel(ours)
                for part in (data[:cut], data[cut:]):
                    theirs.sendall(part)
                    channel.drain()
                theirs.close()
                self.assertEqual([channel.next_task() for _ in want], want, "cut at %d" % cut)
                self.assertIsNone(channel.next_task())
                self.assertTrue(channel.eof)


class Channels(unittest.TestCase):
    def setUp(self):
        ours, self.peer = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.peer.close)
        self.channel = Channel(ours)

    def test_stop_comes_after_the_tasks_before_it(self):
        self.peer.sendall(frames.encode(frames.TASK, 1, b"{}") + frames.encode(frames.STOP, 0))
        self.assertEqual(self.channel.next_task(), (1, b"{}"))
        self.assertIsNone(self.channel.next_task())
        self.assertTrue(self.channel.stop)

    def test_a_cancel_is_kept_for_waiting_tasks_only(self):
        self.peer.sendall(frames.encode(frames.CANCEL, 3) + frames.encode(frames.TASK, 4, b"{}") +
                          frames.encode(frames.CANCEL, 4) + frames.encode(frames.CANCEL, 5))
        self.channel.drain()
        self.assertEqual(self.channel.cancelled, {4})

    def test_kinds_of_the_future_are_left_out(self):
        self.peer.sendall(frames.encode(ord("z"), 1, b"?") + frames.encode(frames.TASK, 1, b"{}"))
        self.assertEqual(self.channel.next_task(), (1, b"{}"))

    def test_a_header_that_is_none_loses_the_channel(self):
        for header in (frames.HEADER.pack(frames.MAX_BODY + 1, frames.TASK, 0, 0, 1),
                       frames.HEADER.pack(0, frames.TASK, 1, 0, 1), frames.HEADER.pack(0, frames.TASK, 0, 1, 1)):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                theirs.sendall(header)
                with self.assertRaises(ChannelLost):
                    Channel(ours).next_task()

    def test_a_large_task_arrives_whole(self):
        body = os.urandom(64) * (1 << 16)  # 4 MiB, far beyond the socket's buffer
        child = os.fork()
        if child == 0:
            self.peer.sendall(frames.encode(frames.TASK, 9, body) + frames.encode(frames.TASK, 10, b"{}"))
            os._exit(0)
        self.assertEqual(self.channel.next_task(), (9, body))
        self.assertEqual(self.channel.next_task(), (10, b"{}"))
        os.waitpid(child, 0)

    def test_idle_timeout_is_told_apart_from_a_task(self):
        self.channel.set_idle_timeout(0.001)
        with self.assertRaises(BlockingIOError):
            self.channel.next_task()
        self.peer.sendall(frames.encode(frames.TASK, 1, b"{}"))
        self.assertEqual(self.channel.next_task(), (1, b"{}"))

    def test_input_that_was_ended_gives_what_had_arrived_and_then_nothing(self):
        self.peer.sendall(frames.encode(frames.TASK, 1, b"{}"))
        self.channel.end_input()
        self.assertEqual(self.channel.next_task(), (1, b"{}"))
        self.assertIsNone(self.channel.next_task())
        with self.assertRaises(BrokenPipeError):
            self.peer.send(b"x", socket.MSG_NOSIGNAL)
