"""Splitting long messages, and putting them together again."""

import asyncio
import json
import random
import unittest
from unittest import mock

from dispatcherd.chunking import CHUNK_MARKER, ChunkAccumulator, parse_chunk_dict, split_message


def chunk(index, total, payload="x", message_id="m", version="v1"):
    return {CHUNK_MARKER: version, "message_id": message_id, "index": index, "total": total, "payload": payload}


def joined(parts):
    """Return what an accumulator makes of these texts, and the accumulator."""
    accumulator = ChunkAccumulator()
    found = [accumulator.ingest_dict(json.loads(part))[1] for part in parts]
    return [message for message in found if message is not None], accumulator


class Splitting(unittest.TestCase):
    def test_what_fits_is_sent_as_it_is(self):
        self.assertEqual(split_message("x" * 100, max_bytes=100), ["x" * 100])
        self.assertEqual(split_message("ü" * 50, max_bytes=100), ["ü" * 50])
        self.assertEqual(split_message("x" * 100000), ["x" * 100000])

    def test_a_chunk_has_its_keys_in_order_and_nothing_but_ascii(self):
        parts = split_message('{"a": "ü😀' + "x" * 300 + '"}', max_bytes=200)
        self.assertEqual(list(json.loads(parts[0])), [CHUNK_MARKER, "message_id", "index", "total", "payload"])
        self.assertRegex(parts[0], r'^\{"__dispatcherd_chunk__":"v1","message_id":"[0-9a-f]{32}","index":0,"total":\d+,"payload":"')
        self.assertTrue(all(part.isascii() for part in parts))
        self.assertEqual(len({json.loads(part)["message_id"] for part in parts}), 1)

    def test_every_length_fits_and_comes_back(self):
        for limit in (140, 300, 1024):
            for length in range(1, 1500, 7):
                message = {"a": "x" * length}
                parts = split_message(json.dumps(message), max_bytes=limit)
                self.assertLessEqual(max(map(len, parts)), limit)
                if len(parts) > 1:
                    payloads = [json.loads(part)["payload"] for part in parts]
                    self.assertTrue(all(payloads))
                    self.assertEqual("".join(payloads), json.dumps(message))
                    self.assertEqual(joined(parts)[0], [message])

    def test_characters_of_every_width_stay_whole(self):
        letters = 'a/"\\\n\r\t\b\f\x00\x1f\x7füक\u2028😀'
        chance = random.Random(1)
        for _ in range(100):
            text = "".join(chance.choice(letters) for _ in range(600))
            parts = split_message(text, max_bytes=300)
            self.assertLessEqual(max(map(len, parts)), 300)
            self.assertEqual("".join(json.loads(part)["payload"] for part in parts), text)

    def test_a_character_costs_what_it_takes_in_json(self):
        def longest(character):
            return len(json.loads(split_message(character * 3000, max_bytes=1024)[0])["payload"])

        sizes = {character: longest(character) for character in 'x"\u0001ü😀'}
        self.assertEqual(sizes['"'], sizes["x"] // 2)
        self.assertEqual(sizes["\u0001"], sizes["x"] // 6)
        self.assertEqual((sizes["ü"], sizes["😀"]), (sizes["x"] // 6, sizes["x"] // 12))

    def test_known_sizes(self):
        self.assertEqual([len(part) for part in split_message("x" * 2025, max_bytes=1024)], [1018, 1018, 322])

    def test_a_limit_that_leaves_no_room_is_refused(self):
        self.assertTrue(split_message("x" * 400, max_bytes=127))
        for limit in (126, 115, 10, 0):
            with self.assertRaises(ValueError):
                split_message("x" * 400, max_bytes=limit)

    def test_a_lone_surrogate_is_refused(self):
        with self.assertRaises(UnicodeEncodeError):
            split_message("\ud800" * 400, max_bytes=300)


class Joining(unittest.TestCase):
    def test_what_is_no_chunk_passes(self):
        accumulator = ChunkAccumulator()
        message = {"task": "t"}
        self.assertEqual(accumulator.ingest_dict(message), (False, message))
        self.assertIsNone(parse_chunk_dict(message))
        self.assertIsNone(parse_chunk_dict([CHUNK_MARKER]))
        self.assertEqual(accumulator.get_status_data()["total_chunks_received"], 0)

    def test_any_order_will_do(self):
        message = {"a": "x" * 3000}
        parts = split_message(json.dumps(message), max_bytes=300)
        random.Random(2).shuffle(parts)
        found, accumulator = joined(parts)
        self.assertEqual(found, [message])
        self.assertEqual(accumulator.get_status_data(), {
            "total_chunks_received": len(parts), "successful_assemblies": 1, "errored_assemblies": 0,
            "timed_out_assemblies": 0, "active_messages": 0})

    def test_bad_envelopes_are_counted_and_dropped(self):
        accumulator = ChunkAccumulator()
        bad = [chunk(0, 2, version="v2"), chunk(0, 2, message_id=5), chunk(1.0, 2), chunk(0, "2"), chunk(0, 2, payload=5),
               {CHUNK_MARKER: "v1"}]
        for envelope in bad:
            with self.assertLogs("dispatcherd.chunking", "WARNING"):
                self.assertEqual(accumulator.ingest_dict(envelope), (True, None))
        status = accumulator.get_status_data()
        self.assertEqual((status["total_chunks_received"], status["errored_assemblies"], status["active_messages"]), (6, 6, 0))

    def test_true_and_false_are_numbers_and_an_absent_payload_is_empty(self):
        accumulator = ChunkAccumulator()
        accumulator.ingest_dict(chunk(False, 2, "{}"))
        last = chunk(True, 2)
        del last["payload"]
        self.assertEqual(accumulator.ingest_dict(last), (True, {}))

    def test_the_last_of_equal_indexes_wins(self):
        accumulator = ChunkAccumulator()
        accumulator.ingest_dict(chunk(0, 2, "nonsense"))
        accumulator.ingest_dict(chunk(0, 2, '{"a":'))
        self.assertEqual(accumulator.ingest_dict(chunk(1, 2, "1}")), (True, {"a": 1}))

    def test_the_total_of_the_last_chunk_counts(self):
        accumulator = ChunkAccumulator()
        accumulator.ingest_dict(chunk(0, 3, '{"a":'))
        with self.assertLogs("dispatcherd.chunking", "WARNING"):
            self.assertEqual(accumulator.ingest_dict(chunk(1, 2, "1}")), (True, {"a": 1}))

    def test_indexes_out_of_range_block_nothing(self):
        accumulator = ChunkAccumulator()
        accumulator.ingest_dict(chunk(-1, 1))
        accumulator.ingest_dict(chunk(7, 1))
        partial = accumulator.get_partial_messages()["m"]
        self.assertEqual([part["chunk_id"] for part in partial["chunks"]], [-1, 7])
        self.assertEqual(accumulator.ingest_dict(chunk(0, 1, "{}")), (True, {}))

    def test_what_is_joined_must_be_an_object(self):
        for total, payload in ((1, "[1]"), (1, "{"), (0, "{}"), (-1, "{}")):
            accumulator = ChunkAccumulator()
            with self.assertLogs("dispatcherd.chunking", "ERROR"):
                self.assertEqual(accumulator.ingest_dict(chunk(0, total, payload)), (True, None))
            status = accumulator.get_status_data()
            self.assertEqual((status["errored_assemblies"], status["active_messages"]), (1, 0))

    def test_a_chunk_in_a_chunk_is_not_taken_apart(self):
        inner = chunk(0, 1, "{}")
        self.assertEqual(ChunkAccumulator().ingest_dict(chunk(0, 1, json.dumps(inner))), (True, inner))

    def test_a_late_chunk_begins_anew(self):
        accumulator = ChunkAccumulator()
        for index in (0, 1, 1):
            accumulator.ingest_dict(chunk(index, 2, "{}"[index]))
        self.assertEqual(accumulator.get_status_data()["active_messages"], 1)

    def test_partial_messages_are_described(self):
        accumulator = ChunkAccumulator()
        accumulator.ingest_dict(chunk(1, 3, "äbc"))
        accumulator.ingest_dict(chunk(0, 3, "x"))
        for partials in (accumulator.get_partial_messages(), asyncio.run(accumulator.aget_partial_messages())):
            self.assertGreaterEqual(partials["m"].pop("seconds_since_start"), 0)
            self.assertEqual(partials, {"m": {
                "expected_total": 3, "chunks": [{"chunk_id": 0, "length": 1}, {"chunk_id": 1, "length": 3}]}})

    def test_what_is_too_old_is_dropped(self):
        accumulator = ChunkAccumulator(message_timeout_seconds=10)
        asyncio.run(accumulator.aingest_dict(chunk(0, 2)))
        started = accumulator.assembly_started_at["m"]
        accumulator.expire_partial_messages(current_time=started + 9.9)
        asyncio.run(accumulator.aexpire_partial_messages())
        self.assertEqual(accumulator.get_status_data()["active_messages"], 1)
        with self.assertLogs("dispatcherd.chunking", "ERROR") as logged:
            accumulator.expire_partial_messages(current_time=started + 10)
        self.assertIn("[0] of 2", logged.output[0])
        status = accumulator.get_status_data()
        self.assertEqual((status["active_messages"], status["timed_out_assemblies"]), (0, 1))

    def test_without_a_timeout_nothing_is_too_old(self):
        for timeout in (0, -1):
            accumulator = ChunkAccumulator(message_timeout_seconds=timeout)
            accumulator.ingest_dict(chunk(0, 2))
            accumulator.expire_partial_messages(current_time=1e12)
            self.assertEqual(accumulator.get_status_data()["active_messages"], 1)

    def test_partial_messages_are_bounded(self):
        accumulator = ChunkAccumulator()
        with mock.patch.multiple(accumulator, max_messages=3, max_bytes=10000):
            with self.assertLogs("dispatcherd.chunking", "ERROR"):
                for number in range(10):
                    accumulator.ingest_dict(chunk(0, 2, message_id=str(number)))
            self.assertEqual(list(accumulator.pending_messages), ["7", "8", "9"])
            with self.assertLogs("dispatcherd.chunking", "ERROR"):
                for number in range(3):
                    accumulator.ingest_dict(chunk(number, 9, "x" * 4000, message_id="big"))
            self.assertEqual(accumulator.pending_messages, {})
        self.assertEqual(accumulator.dropped_assemblies, 11)

    def test_a_total_beyond_all_bounds_costs_nothing(self):
        accumulator = ChunkAccumulator()
        self.assertEqual(accumulator.ingest_dict(chunk(0, 10**30)), (True, None))
