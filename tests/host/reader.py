"""Carries out what a document has to be typed, each command and each block by what is known of it."""
import re

from steps import run, step

plays = {}  # by heading and text, the function that carries it out
played = set()  # the keys of plays that the document had


def plays_in(section, *texts):
    """Have the function carry out TEXTS of SECTION; one that ends in … is a beginning."""
    def known(function):
        for text in texts:
            plays[section, text] = function
        return function
    return known


def shows(section, command, pattern):
    """COMMAND of SECTION succeeds, and shows what matches PATTERN."""
    def shown(text):
        matches(run(text), pattern)
    shown.__doc__ = "it shows what it is for"
    plays[section, command] = shown


def matches(text, pattern):
    """Raise unless PATTERN is found in TEXT."""
    if not re.search(pattern, text):
        raise AssertionError(f"no {pattern!r} in {text!r}")


def key_of(item):
    """The key of plays that ITEM is carried out by, or None."""
    text = item.text if item.kind == "command" else item.kind
    for key in plays:
        if key == (item.section, text) or key[0] == item.section and key[1].endswith("…") and text.startswith(key[1][:-1]):
            return key
    return None


def follow_item(item):
    """Carry out ITEM, as one step."""
    key = key_of(item)

    def carried_out():
        if not key:
            raise AssertionError(f"it is not known here: {item.text!r}")
        plays[key](item.text)
    carried_out.__name__ = plays[key].__name__ if key else "carried_out"
    words = item.text if item.kind == "command" else f"the block of {item.kind}"
    carried_out.__doc__ = f"{item.section}: {words}: {plays[key].__doc__ if key else 'unknown'}"
    played.add(key)
    step(carried_out)


def carry_out(items, not_run):
    """Carry out ITEMS in their order, but for NOT_RUN, reasons by heading and text."""
    for item in items:
        reason = not_run.get((item.section, item.text))
        if reason:
            played.add((item.section, item.text))
            print(f"not run: {item.section}: {item.text}: {reason}", flush=True)
        else:
            follow_item(item)


def missing(not_run):
    """What is known, or NOT_RUN, and not in the document. A beginning may be."""
    return [key for key in sorted({*plays, *not_run} - played) if not key[1].endswith("…")]
