"""How run_service() runs the daemon beside the threads of its process."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

from tests.harness import HOME

SECRET = "hunter2"

# Stands for the daemon: says what it has and when it reloads, then waits for SIGTERM and ends with the code of its environment.
_PROGRAM = """#!%s
import json, os, signal, sys
signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
hears_hangup = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
with open(sys.argv[2]) as stream:
    settings = json.load(stream)
print(json.dumps({"pid": os.getpid(), "parent": os.getppid(), "group": os.getpgid(0), "argv": sys.argv,
                  "settings": settings, "hears_hangup": hears_hangup}), flush=True)
came = signal.sigtimedwait(signals, 60)
while came and came.si_signo == signal.SIGHUP:
    print("reloads", flush=True)
    came = signal.sigtimedwait(signals, 60)
print("ends on", came and came.si_signo, flush=True)
if os.environ["CODE"] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(os.environ["CODE"]))
""" % sys.executable

# A project's service: with a thread that goes on, and something to do when the service has ended.
_SERVICE = """
import signal, threading, dispatcherd, dispatcherd.config
dispatcherd.config.setup(config={"version": 2, "brokers": {"pg_notify": {"config": {"password": "%s"}}}})
ended = threading.Event()
def beat():
    print("thread", flush=True)
    ended.wait()
threading.Thread(target=beat).start()
def own(number, frame): pass
signal.signal(signal.SIGTERM, own)
try:
    dispatcherd.run_service()
finally:
    print("after", signal.getsignal(signal.SIGTERM) is own, flush=True)
    ended.set()
print("returned")
""" % SECRET


class Child(unittest.TestCase):
    def serve(self, code="0", program=_PROGRAM, **options):
        """Start the project's service; return its process."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "program")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(program)
        os.chmod(path, 0o700)
        process = subprocess.Popen(
            [sys.executable, "-Bc", _SERVICE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HOME,
            env={"PATH": os.environ["PATH"], "DISPATCHERD_PROGRAM": path, "CODE": code}, **options)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        self.assertEqual(process.stdout.readline(), "thread\n")
        return process

    def test_it_is_a_child_and_the_threads_go_on(self):
        process = self.serve()
        said = json.loads(process.stdout.readline())
        self.assertEqual((said["parent"], said["group"]), (process.pid, said["pid"]))
        self.assertEqual(said["settings"]["brokers"]["pg_notify"]["config"], {"password": SECRET})
        self.assertNotIn(SECRET, json.dumps(said["argv"]))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out, err), (0, "ends on 15\nafter True\nreturned\n", ""))

    def test_a_hangup_reloads_it(self):
        process = self.serve()
        self.assertTrue(json.loads(process.stdout.readline())["hears_hangup"])
        for _ in range(2):
            process.send_signal(signal.SIGHUP)
            self.assertEqual(process.stdout.readline(), "reloads\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.communicate(timeout=60)[0], "ends on 15\nafter True\nreturned\n")

    def test_a_hangup_that_is_ignored_stays_so(self):
        process = self.serve(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assertFalse(json.loads(process.stdout.readline())["hears_hangup"])
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.communicate(timeout=60)[0], "ends on 15\nafter True\nreturned\n")

    def test_its_exit_code_is_that_of_the_process(self):
        for code, want in (("7", 7), ("killed", 128 + signal.SIGKILL)):
            process = self.serve(code)
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, out, err), (want, "ends on 2\nafter True\n", ""))

    def test_it_ends_when_its_parent_is_killed(self):
        process = self.serve()
        process.stdout.readline()
        process.kill()
        self.assertEqual(process.stdout.read(), "ends on 15\n")  # to the end: nobody is left to write

    def test_a_program_that_cannot_be_executed_is_told(self):
        out, err = self.serve(program="no program").communicate(timeout=60)
        self.assertEqual(out, "after True\n")
        self.assertRegex(err, "^execute /.*/program: Exec format error\n$")

