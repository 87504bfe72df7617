"""Writes chunks.json.gz: what the Python original makes of texts and envelopes.

Run with an interpreter that has the original: python chunks.py >chunks.json.gz
It is asked as a black box; our tests compare with what it answered.
"""

import gzip
import hashlib
import json
import logging
import re
import sys
from importlib import metadata

from dispatcherd.chunking import ChunkAccumulator, split_message

LONGEST = 3000  # characters
EVERY = 100  # lengths that share a digest
LIMITS = (127, 300, 1024, 8000)

TEXTS = {
    "plain": "".join(chr(32 + i * 7 % 95) for i in range(LONGEST)).replace('"', "q").replace("\\", "b"),
    "escapes": "".join('"\\\n\t\r\b\f\x00\x1f\x7f/a'[(i * i + i // 12) % 12] for i in range(LONGEST)),
    "scripts": "".join("aéж中\u2028\ufffe\uffff\U0001f600\U0010ffffz"[(i * i + i // 10) % 10] for i in range(LONGEST)),
    "astral": "\U0001f40d" * LONGEST,
}


def split(text, limit):
    """The chunks, with zeros for the random id, or none where the limit is refused."""
    try:
        chunks = split_message(text, max_bytes=limit)
    except ValueError:
        return []
    if len(chunks) == 1 and chunks[0] == text:
        return chunks
    return [re.sub('"message_id":"[0-9a-f]{32}"', '"message_id":"%s"' % ("0" * 32), c, count=1) for c in chunks]


def series(name, limit):
    """How every length of a text is split: the number of chunks, 0 for a refusal, and digests of them all."""
    counts, digests, digest = [], [], hashlib.sha256()
    for length in range(1, LONGEST + 1):
        chunks = split(TEXTS[name][:length], limit)
        counts.append(len(chunks))
        digest.update("".join(c + "\n" for c in chunks).encode())
        if length % EVERY == 0:
            digests.append(digest.hexdigest())
            digest = hashlib.sha256()
    return {"text": name, "limit": limit, "counts": counts, "digests": digests}


def part(index, total, payload='"x"', id='"m"', marker='"v1"'):
    """An envelope; every argument is JSON text, None for a key that is absent."""
    pairs = {"__dispatcherd_chunk__": marker, "message_id": id, "index": index, "total": total, "payload": payload}
    return "{%s}" % ", ".join('"%s": %s' % (k, v) for k, v in pairs.items() if v is not None)


BEGIN, END = '"{\\"a\\": "', '"1}"'
HALVES = [part("0", "2", BEGIN), part("1", "2", END)]

ENVELOPES = {
    "no chunk": ['{"task": "a"}', "{}", '{"a": {"__dispatcherd_chunk__": "v1"}}'],
    "in order": HALVES,
    "out of order": HALVES[::-1],
    "two at a time": [HALVES[0], part("0", "2", BEGIN, '"n"'), part("1", "2", '"2}"', '"n"'), HALVES[1]],
    "marker v2": [part("0", "1", '"{}"', marker='"v2"')],
    "marker null": [part("0", "1", '"{}"', marker="null")],
    "marker a number": [part("0", "1", '"{}"', marker="1")],
    "marker a list": [part("0", "1", '"{}"', marker='["v1"]')],
    "no id": [part("0", "1", '"{}"', id=None)],
    "id null": [part("0", "1", '"{}"', id="null")],
    "id a number": [part("0", "1", '"{}"', id="7")],
    "id a list": [part("0", "1", '"{}"', id="[]")],
    "id empty": [part("0", "1", '"{}"', id='""')],
    "id with a lone surrogate": [part("0", "1", '"{}"', id='"\\ud800"')],
    "no index": [part(None, "1", '"{}"')],
    "index null": [part("null", "1", '"{}"')],
    "index text": [part('"0"', "1", '"{}"')],
    "index 1.0": [part("1.0", "2"), part("1e0", "2")],
    "index NaN": [part("NaN", "2"), part("Infinity", "2")],
    "index false and true": [part("false", "2", BEGIN), part("true", "2", END)],
    "index -0": [part("-0", "1", '"{}"')],
    "index negative": [part("-1", "2"), *HALVES],
    "index beyond total": [part("9", "2"), *HALVES],
    "index beyond 64 bits": [part("99999999999999999999", "2"), *HALVES],
    "no total": [part("0", None, '"{}"')],
    "total 1.0": [part("0", "1.0", '"{}"')],
    "total true": [part("0", "true", '"{}"')],
    "total false": [part("0", "false", '"{}"')],
    "total 0": [part("0", "0", '"{}"')],
    "total negative": [part("0", "-3", '"{}"')],
    "total huge": [part("0", "999999999999999999", '"{}"')],
    "total beyond 64 bits": [part("0", "99999999999999999999", '"{}"')],
    "total grows": [HALVES[0], part("1", "3", END), part("2", "3", '" "')],
    "total shrinks and completes": [part("0", "9", BEGIN), HALVES[1]],
    "total shrinks to nothing": [HALVES[0], part("1", "0", END), HALVES[1]],
    "no payload": [part("0", "2", '"{}"'), part("1", "2", None)],
    "no payload at all": [part("0", "1", None)],
    "payload null": [part("0", "1", "null")],
    "payload an object": [part("0", "1", "{}")],
    "same index twice": [part("0", "2", '"nonsense"'), *HALVES],
    "not JSON": [part("0", "1", '"{\\"a\\": "'), HALVES[0]],
    "not an object": [part("0", "1", '"[1]"'), part("0", "1", '"7"'), part("0", "1", '"null"')],
    "empty text": [part("0", "1", '""')],
    "NaN inside": [part("0", "1", '"{\\"a\\": NaN}"')],
    "a chunk inside": [part("0", "1", json.dumps(part("0", "1", '"{}"')))],
    "a pair cut in two": [part("0", "2", '"{\\"a\\": \\"\\ud83d"'), part("1", "2", '"\\ude00\\"}"')],
    "a lone surrogate": [part("0", "1", '"{\\"a\\": \\"\\ud83d\\"}"')],
    "late chunk": [*HALVES, HALVES[0]],
    "the whole again": [*HALVES, *HALVES],
    "another under the same id": [*HALVES, HALVES[0], part("1", "2", '"2}"')],
    "last of equal keys": ['{"index": 5, "total": 1, "message_id": "m", "__dispatcherd_chunk__": "v0", "index": 0, "__dispatcherd_chunk__": "v1", "payload": "{}"}'],
    "escaped marker": ['{"\\u005f_dispatcherd_chunk__": "v1", "message_id": "m", "index": 0, "total": 1, "payload": "{}"}'],
}


def outcome(name):
    """What an accumulator says to each text of a sequence, and of itself afterwards."""
    accumulator, steps = ChunkAccumulator(), []
    for text in ENVELOPES[name]:
        errors = accumulator.errored_assemblies
        is_chunk, whole = accumulator.ingest_dict(json.loads(text))
        if not is_chunk:
            verdict = "no chunk"
        elif whole is not None:
            verdict = "whole"
        elif accumulator.errored_assemblies > errors:
            verdict = "refused"
        else:
            verdict = "waits"
        steps.append({"text": text, "verdict": verdict, "whole": json.dumps(whole) if is_chunk and whole is not None else ""})
    partials = accumulator._describe_partials()
    for p in partials.values():
        del p["seconds_since_start"]
    return {"name": name, "steps": steps, "status": accumulator.get_status_data(), "partials": partials}


def main():
    logging.disable(logging.CRITICAL)
    corpus = {
        "version": metadata.version("dispatcherd"),
        "texts": TEXTS,
        "every": EVERY,
        "series": [series(name, limit) for name in TEXTS for limit in LIMITS],
        "envelopes": [outcome(name) for name in ENVELOPES],
    }
    sys.stdout.buffer.write(gzip.compress(json.dumps(corpus).encode(), mtime=0))


main()
