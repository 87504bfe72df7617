"""Tasks that say something, in every way in which a task can."""

import logging
import sys

from dispatcherd.publish import task

log = logging.getLogger("app.speech")


@task()
def speak(word, password=None):
    print("printed " + word)
    print("complained " + word, file=sys.stderr)
    log.warning("warned of %s", word)
    try:
        raise LookupError(word)
    except LookupError:
        log.exception("met %s", word)


@task()
def fail(password):
    raise ValueError("no")
