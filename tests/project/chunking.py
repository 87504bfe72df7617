"""Answers for the chunking of the Python original: a line of JSON for each line of JSON on standard input.

{"split": TEXT, "limit": BYTES} is answered with the chunks, or null where it refuses the limit;
{"join": [TEXT, ...]} with what an accumulator makes of each text, its counters and its partial messages
(true and false, which it keeps as they came, are made 1 and 0).
"""

import json
import logging
import sys

from dispatcherd.chunking import ChunkAccumulator, split_message


def split(text, limit):
    try:
        return split_message(text, max_bytes=limit)
    except ValueError:
        return None


def join(texts):
    accumulator, steps = ChunkAccumulator(), []
    for text in texts:
        errors = accumulator.errored_assemblies
        is_chunk, whole = accumulator.ingest_dict(json.loads(text))
        if is_chunk and whole is not None:
            steps.append(["whole", json.dumps(whole)])
        elif is_chunk:
            steps.append(["refused" if accumulator.errored_assemblies > errors else "waits", ""])
        else:
            steps.append(["no chunk", ""])
    partials = accumulator._describe_partials()
    return {
        "steps": steps,
        "status": accumulator.get_status_data(),
        "partials": {k: [[int(c["chunk_id"]), c["length"]] for c in p["chunks"]] for k, p in partials.items()},
        "totals": {k: int(p["expected_total"]) for k, p in partials.items()},
    }


def main():
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        request = json.loads(line)
        answer = split(request["split"], request["limit"]) if "split" in request else join(request["join"])
        print(json.dumps(answer), flush=True)


main()
