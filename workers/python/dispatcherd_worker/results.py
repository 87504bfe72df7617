"""The JSON text of a task's result, or why it cannot travel."""

import json

MAX_TEXT = 1 << 20
"""The longest JSON text of a result, in bytes."""

MAX_DEPTH = 100
"""How deep lists and dicts of a result may be nested."""

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_SMALL = (float, bool, type(None))
_NAME_OF = type.__dict__["__name__"].__get__


def encode(value):
    """Return (JSON text as bytes, None), or (b"", the reason) for what JSON cannot carry exactly.

    None is the empty text. Exact types only (None, bool, int, float, str, list, tuple, dict with
    str keys): none of them runs code of the task while it is read, so no result can raise or hang.
    """
    if value is None:
        return b"", None
    try:
        problem = _problem(value)
        if problem:
            return b"", problem
        text = _ENCODE(value).encode("ascii")
    except Exception as exc:  # an int beyond Python's digit limit, a dict that a thread changes
        return b"", "of type %s and cannot be written as JSON (%s)" % (type_name(value), type_name(exc))
    if len(text) > MAX_TEXT:
        return b"", _too_large()
    return text, None


def type_name(value):
    """Return the name of the value's type without asking the type's own code."""
    return _NAME_OF(type(value))[:100]


def _too_large():
    return "larger than %d bytes of JSON text" % MAX_TEXT


def _problem(value):
    """Walk the value; return what is wrong with it, or None. Never walks past MAX_TEXT."""
    size = 0
    walks = [iter((value,))]
    while walks:
        for item in walks[-1]:
            kind = type(item)
            if kind is str:
                size += len(item)
            elif kind is int:
                size += item.bit_length() // 4  # a little less than its digits, which cost much to write
            elif kind is list or kind is tuple:
                walks.append(iter(item))
            elif kind is dict:
                for key in item:
                    if type(key) is not str:
                        return "a dict with a key of type %s" % type_name(key)
                size += 2 * len(item)
                walks.append(iter(item.values()))
            elif kind not in _SMALL:
                if item is value:
                    return "of type %s" % type_name(item)
                return "a %s that holds a value of type %s" % (type_name(value), type_name(item))
            size += 2
            if size > MAX_TEXT:
                return _too_large()
            if len(walks) > MAX_DEPTH + 1:
                return "nested deeper than %d" % MAX_DEPTH
            if kind is list or kind is tuple or kind is dict:
                break
        else:
            walks.pop()
    return None
