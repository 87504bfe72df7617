"""The project's worker class: its hooks, its own ways to run a task, and what it may raise."""

import signal

from tests import harness


class ClassCase(harness.WorkerCase):
    worker_class = "Plain"
    idle_timeout = 0

    @classmethod
    def setUpClass(cls):
        cls.spec = {"preload": ["sample"], "class": "classes." + cls.worker_class, "idle_timeout": cls.idle_timeout}
        super().setUpClass()

    def lines(self, worker):
        return worker.read(worker.stdout).splitlines()


class PlainClass(ClassCase):
    def test_a_class_that_overrides_nothing_runs_tasks(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)
        seq = worker.submit("sample.sleep")
        worker.line()
        worker.cancel(seq)
        self.assertEqual(worker.done()["outcome"], "cancelled")
        worker.terminate(signal.SIGTERM)
        self.assertEqual((worker.reason(), worker.wait()), ("signal SIGTERM", 0))


class Hooks(ClassCase):
    worker_class = "Telling"

    def test_hooks_are_called_in_order(self):
        worker = self.start(4)
        self.assertEqual(self.lines(worker), ["init ['finished_queue', 'message_queue', 'worker_id']", "on_start 4"])
        worker.run("sample.say", "task", uuid="u-1")
        self.assertEqual(self.lines(worker), ["pre_task u-1", "task", "post_task u-1 None False"])
        worker.run("sample.fail", uuid="u-2")
        self.assertEqual(self.lines(worker), ["pre_task u-2", "post_task u-2 None False"])
        worker.run("sample.cancel_itself", uuid="u-3")
        self.assertEqual(self.lines(worker), ["pre_task u-3", "post_task u-3 <cancel> False"])
        worker.run("sample.leave", 7, uuid="u-4")
        self.assertEqual((worker.reason(), worker.wait()), ("the task raised DispatcherExit", 0))
        self.assertEqual(self.lines(worker), ["pre_task u-4", "post_task u-4 7 True", "on_shutdown"])


class IdleTimeout(ClassCase):
    worker_class = "Idle"
    idle_timeout = 0.01

    def test_on_idle_is_called_and_should_exit_asked(self):
        worker = self.start()
        self.assertEqual((worker.reason(), worker.wait()), ("should_exit() is true", 0))
        self.assertEqual(self.lines(worker), ["on_idle 1", "on_idle 2", "on_idle 3"])


class PreTask(ClassCase):
    worker_class = "PreTask"

    def test_what_pre_task_raises_is_reported_and_the_task_runs(self):
        answer = self.start().run("sample.add", 1, uuid="raise")
        self.assertEqual((answer["result"], answer["words"]), (1, ["pre_task of sample.add: ValueError: before"]))

    def test_a_cancel_in_pre_task_cancels_the_task(self):
        worker = self.start()
        seq = worker.submit("sample.say", "never", uuid="sleep")
        self.assertEqual(worker.line(), "sleeping")
        worker.cancel(seq)
        self.assertEqual((worker.done()["outcome"], self.lines(worker)), ("cancelled", []))


class Failing(ClassCase):
    """A hook that raises: the worker says why, and leaves with a code that is not 0."""

    def ends(self, name, reason, task=False):
        server = harness.Server({"preload": ["sample"], "class": "classes." + name, "idle_timeout": 0.01}, self.environ())
        worker = server.fork().go()
        self.addCleanup(worker.close)
        self.addCleanup(server.close)
        if task:
            worker.submit("sample.add", 1)
        frames, frame = [], worker.frame()
        while frame:
            frames.append(frame)
            frame = worker.frame()
        self.assertEqual(worker.wait(), 1)
        self.assertIn("Error" if "Error" in reason else "SystemExit", worker.read(worker.stderr))
        kinds = "".join(kind for kind, _, _ in frames)
        self.assertEqual(frames[-1][2].decode(), '{"reason":"%s"}' % reason)
        if kinds != "X":  # a worker that was not ready says it once, as the reason
            self.assertIn(reason, frames[-2][2].decode())
        return kinds

    def test_every_hook_that_raises_is_told(self):
        self.assertEqual(self.ends("BadInit", "construct BadInit: ValueError: no init"), "X")
        self.assertEqual(self.ends("BadStart", "on_start: SystemExit: no start"), "X")
        self.assertEqual(self.ends("BadIdle", "on_idle: ValueError: no idle"), "HLX")

    def test_a_task_is_answered_before_its_post_task_ends_the_worker(self):
        self.assertEqual(self.ends("BadPostTask", "post_task: ValueError: no post_task", task=True), "HDLX")

    def test_a_failing_shutdown_is_told(self):
        server = harness.Server({"class": "classes.BadShutdown"}, self.environ())
        worker = server.fork().go()
        self.addCleanup(worker.close)
        self.addCleanup(server.close)
        self.assertEqual(worker.leave(), "on_shutdown: ValueError: no shutdown")
        self.assertEqual(worker.wait(), 1)


    def test_a_mode_that_raises_is_told(self):
        self.assertEqual(self.ends("BadIdleMode", "enter_idle_mode: ValueError: no idle mode", task=True), "HDLX")

    def test_a_uuid_that_raises_is_told(self):
        self.assertEqual(self.ends("BadUuid", "get_uuid: ValueError: no uuid", task=True), "HDLX")


class TaskMode(ClassCase):
    worker_class = "BadTaskMode"

    def test_a_task_runs_though_its_mode_raises(self):
        answer = self.start().run("sample.add", 1)
        self.assertEqual((answer["result"], answer["words"]), (1, ["pre_task of sample.add: ValueError: no task mode"]))


class ExitBefore(ClassCase):
    worker_class = "ExitBefore"

    def test_an_exit_before_the_task_is_a_failure_after_which_the_worker_leaves(self):
        worker = self.start()
        answer = worker.run("sample.say", "never")
        self.assertEqual((answer["outcome"], answer["error"], answer["stopping"]), ("failed", "SystemExit: 3", True))
        self.assertEqual((worker.reason(), worker.wait()), ("the task raised SystemExit", 0))
        self.assertEqual(self.lines(worker), [])


class Words(ClassCase):
    worker_class = "Words"

    def test_the_classes_own_messages_are_asked_for(self):
        worker = self.start()
        worker.run("sample.add", 1, uuid="u")
        self.assertEqual(worker.leave(), "stop requested")
        self.assertEqual(self.lines(worker), [
            "on_start", "get_ready_message",
            "post_task own u ['event', 'result', 'time_finish', 'time_started', 'uuid', 'worker']",
            "on_shutdown", "get_shutdown_message"])


class OwnMessage(ClassCase):
    worker_class = "OwnMessage"

    def test_post_task_gets_the_classes_own_message(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.add", 1, uuid="u-1")["result"], 1)
        worker.run("sample.fail", "boom", uuid="u-2")
        worker.run("sample.cancel_itself", uuid="u-3")
        self.assertEqual(self.lines(worker), [
            "post_task [('raw', '%s'), ('started', True), ('uuid', '%s')]" % told
            for told in (("1", "u-1"), ("boom", "u-2"), ("<cancel>", "u-3"))])


class Ringing(ClassCase):
    worker_class = "Ringing"
    idle_timeout = 0.01

    def test_the_signal_of_a_cancel_does_no_harm_in_a_hook(self):
        worker = self.start()
        self.assertEqual([worker.line(), worker.line()], ["on_start", "on_idle"])
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)
        self.assertEqual((worker.leave(), worker.wait()), ("stop requested", 0))
        told = [line for line in self.lines(worker) if line != "on_idle"]  # it may idle again
        self.assertEqual(told, ["post_task", "on_shutdown"])


class OwnRun(ClassCase):
    worker_class = "OwnRun"

    def check(self, worker):
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)
        self.assertEqual(worker.run("sample.bound", 2, uuid="u")["result"], ["u", 1, 2])
        answer = worker.run("sample.fail", "boom", kwargs={"kwargs_secret": "hunter2"})
        self.assertEqual((answer["outcome"], answer["error"]), ("failed", "ValueError: boom"))
        self.assertIn("TaskRefused", worker.run("sample.unmarked")["error"])
        seq = worker.submit("sample.sleep")
        while worker.line() != "started":
            pass
        worker.cancel(seq)
        self.assertEqual(worker.done()["outcome"], "cancelled")
        task = worker.submit("sample.ask", "alive")
        kind, request, body = worker.frame()
        self.assertEqual((kind, body), ("Q", b'{"command": "alive"}'))
        worker.send("R", request, b'{"a": 1}')
        answer = worker.done()
        self.assertEqual((answer["seq"], answer["result"]), (task, {"a": 1}))
        self.assertEqual(worker.run("sample.leave", 3)["result"], 3)
        self.assertEqual(worker.reason(), "the task raised DispatcherExit")
        self.assertNotIn("hunter2", worker.read(worker.stderr))

    def test_outcomes_are_known_though_the_class_runs_the_task(self):
        self.check(self.start())


class OwnWork(OwnRun):
    worker_class = "OwnWork"

    def test_the_classes_methods_are_called(self):
        worker = self.start()
        worker.run("sample.say", "task")
        self.assertEqual(self.lines(worker), [
            "enter_task_mode", "perform_work sample.say", "task", "enter_idle_mode", "post_task None"])
        worker.run("sample.fail")
        self.assertEqual(self.lines(worker)[-1], "post_task None")


class OwnBoth(OwnRun):
    worker_class = "OwnBoth"


class Swallowing(ClassCase):
    worker_class = "Swallowing"

    def test_a_failure_that_the_class_handles_is_still_a_failure(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.add", 1)["result"], "fine")
        self.assertEqual(worker.run("sample.fail")["error"], "ValueError: boom")
        self.assertIn("TaskRefused", worker.run("lambda: 5")["error"])


class CancelInTheClass(ClassCase):
    worker_class = "Cancelling"

    def test_the_class_may_catch_a_cancel(self):
        worker = self.start()
        seq = worker.submit("sample.add", 1)
        worker.line()
        worker.cancel(seq)
        self.assertEqual(worker.line(), "caught")
        self.assertEqual(worker.done()["result"], 1)


class OwnBinder(ClassCase):
    worker_class = "OwnBinder"

    def test_the_classes_binder_is_given(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.bound", uuid="u")["result"], ["own u", 1, None])


class Duck(ClassCase):
    worker_class = "Duck"

    def test_a_class_that_derives_from_nothing_works(self):
        worker = self.start(3)
        self.assertEqual(self.lines(worker), ["duck 3 True"])
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)
