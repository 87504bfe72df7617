"""A worker that is nothing but a loop: read a line, call a function, write a line."""

import importlib
import json
import os
import socket
import sys
import time


def nothing(*args):
    """Do nothing."""


def stamp(due):
    """Leave by how many nanoseconds this line is later than `due`."""
    now = time.time_ns()
    os.write(_stamps, b"%d\n" % (now - int(due)))


def loop(sock, function):
    """Serve the lines that come until the other side closes."""
    part = b""
    while True:
        data = sock.recv(65536)
        if not data:
            return
        *lines, part = (part + data).split(b"\n")
        for line in lines:
            function(*json.loads(line).get("args", ()))
            sock.send(b"1\n")


def forks(count):
    """Print how many seconds a fork takes until the child has said a byte, one a line."""
    for name in ("json", "logging", "importlib"):
        importlib.import_module(name)
    for _ in range(count):
        r, w = os.pipe()
        began = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            os.write(w, b".")
            os._exit(0)
        os.read(r, 1)
        print(time.perf_counter() - began)
        os.waitpid(pid, 0)
        os.close(r)
        os.close(w)


if sys.argv[1] == "forks":
    forks(int(sys.argv[2]))
else:
    _stamps = os.open("stamps-bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    loop(socket.socket(fileno=3), {"nothing": nothing, "stamp": stamp}[sys.argv[1]])
