"""Tasks that use Python's logging; the project has not set it up."""

import logging
import os
import signal
import threading

from dispatcherd.publish import task

log = logging.getLogger("app.db")


@task()
def every_level():
    logging.getLogger().setLevel(1)
    for level in (5, logging.DEBUG, logging.INFO, 25, logging.WARNING, 35, logging.ERROR, logging.CRITICAL, 99):
        log.log(level, "level %d", level)


@task()
def failing_call():
    try:
        raise ValueError("no such row")
    except ValueError:
        log.exception("the query %s", "failed")


@task()
def not_formattable():
    log.warning("%d rows", "many")
    log.warning("after it")


@task()
def set_up_late():
    log.warning("before")
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    log.info("after")


@task()
def own_handler():
    own = logging.getLogger("own")
    own.addHandler(logging.StreamHandler())
    own.warning("on its own")


@task()
def many_threads(threads, records):
    def work(number):
        for record in range(records):
            log.warning("%d %d", number, record)

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    work(threads)
    for thread in running:
        thread.join()
    return "x" * 900000


@task()
def from_a_child():
    child = os.fork()
    if child == 0:
        log.error("in the child")
        os._exit(0)
    os.waitpid(child, 0)
    log.error("in the parent")


@task()
def without_end():
    print("begins", flush=True)
    while True:
        log.warning("again")


@task()
def unheard(records, size):
    for record in range(records):
        log.warning("%d %s", record, "x" * size)
    print("said all", flush=True)
    return "done"


class Noisy:
    def __del__(self):
        log.warning("from a destructor")


@task()
def from_a_handler_and_a_destructor():
    signal.signal(signal.SIGALRM, lambda number, frame: log.warning("from a handler"))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    for _ in range(2000):
        Noisy()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
