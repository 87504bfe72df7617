"""Answers what Python's json module makes of documents.

A request is one letter and documents, each a 32-bit little-endian length and the bytes; an answer is a length and bytes.
D doc      the value in a form that shows every difference, a newline, and json.dumps of it; "!" if it is refused
E doc doc  "1" if the two messages are the same task, "0" if not
"""

import json
import struct
import sys

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


def constant(name):
    # A new object each time: two lists with the same NaN object would be equal.
    return float(name.replace("Infinity", "inf"))


def loads(raw):
    return json.loads(raw.decode("utf-8"), parse_constant=constant)


def show(value):
    if value is None:
        return "n"
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, int):
        return "i%d" % value
    if isinstance(value, float):
        return "dnan" if value != value else "d" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "s" + value.encode("utf-8", "surrogatepass").hex()
    if isinstance(value, list):
        return "[" + ",".join(show(item) for item in value) + "]"
    return "{" + ",".join(sorted(show(key) + ":" + show(item) for key, item in value.items())) + "}"


def decode(raw):
    try:
        value = loads(raw)
    except ValueError:
        return "!"
    return show(value) + "\n" + json.dumps(value, sort_keys=True)


def same(a, b):
    a, b = loads(a), loads(b)
    return "1" if all(a.get(key) == b.get(key) for key in ("task", "args", "kwargs")) else "0"


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def document():
        (length,) = struct.unpack("<I", source.read(4))
        return source.read(length)

    while True:
        operation = source.read(1)
        if not operation:
            return
        answer = decode(document()) if operation == b"D" else same(document(), document())
        answer = answer.encode("ascii")
        sink.write(struct.pack("<I", len(answer)) + answer)
        sink.flush()


main()
