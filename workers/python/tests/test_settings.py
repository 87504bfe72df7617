"""The library's settings in the workers, and the arguments of the worker class."""

from tests import harness

SETTINGS = {"version": 2, "brokers": {"socket": {"socket_path": "hunter2.sock"}}}


class Handed(harness.WorkerCase):
    spec = {"preload": ["settled"], "settings": SETTINGS}

    def test_a_task_finds_the_settings_of_the_service(self):
        self.assertEqual(self.start().run("settled.brokers")["result"], SETTINGS["brokers"])

    def test_settings_are_in_no_environment_and_no_argument(self):
        worker = self.start()
        self.assertNotIn("hunter2", worker.run("settled.traces")["result"])
        self.assertNotIn("hunter2", worker.read(worker.stderr))


class Kept(harness.WorkerCase):
    spec = {"preload": ["settled"], "settings": SETTINGS}

    @classmethod
    def environ(cls):
        return dict(super().environ(), OWN_SETTINGS="1")

    def test_settings_of_a_preload_stay(self):
        self.assertEqual(self.start().run("settled.brokers")["result"], {"socket": {"socket_path": "own.sock"}})


class Refused(harness.WorkerCase):
    spec = {"preload": ["settled"]}

    def test_settings_that_the_library_refuses_are_not_quoted(self):
        server = harness.Server({"settings": dict(SETTINGS, version="hunter2")}, self.environ())
        self.assertEqual(server.answer["op"], "failed")
        self.assertRegex(server.answer["error"], r"^settings: ValueError: the library refuses them \(\w+\)$")
        self.assertNotIn("hunter2", server.close()[1])


class Kwargs(harness.WorkerCase):
    """What the constructor of a class is given of the configured arguments."""

    def constructed(self, name, kwargs, **spec):
        """Return what the class prints when it is made, and what the fork server prints."""
        server = harness.Server(dict(spec, **{"class": "classes." + name, "kwargs": kwargs}), self.environ())
        self.assertEqual(server.answer["op"], "ready", server.answer)
        worker = server.fork().go()
        self.addCleanup(worker.close)
        worker.hello()
        worker.leave()
        return worker.read(worker.stdout).splitlines(), server.close()[1]

    def test_a_class_gets_what_it_names(self):
        lines, said = self.constructed("Taking", {"retries": 3})
        self.assertEqual(lines[0], "retries 3 ['finished_queue', 'message_queue', 'worker_id'] 0")
        self.assertEqual(said, "")

    def test_what_it_does_not_take_is_named_without_its_value(self):
        lines, said = self.constructed("Duck", {"secret\nkey": "hunter2", "worker_id": 7})
        self.assertEqual(lines, ["duck 1 True"])
        self.assertEqual(said.splitlines(), [
            "dispatcherd: worker.kwargs: the worker class takes no argument %s: left out" % key
            for key in ("secret key", "worker_id")])

    def test_idle_timeout_may_be_an_argument(self):
        lines, said = self.constructed("Taking", {"idle_timeout": 7}, idle_timeout=3)
        self.assertEqual(lines[0].split()[-1], "7")
        self.assertEqual(said, "")
        lines, said = self.constructed("Duck", {"idle_timeout": 7})
        self.assertEqual((lines, said), (["duck 1 True"], ""))

    def test_the_idle_timeout_of_the_arguments_is_obeyed(self):
        server = harness.Server({"class": "classes.Idle", "kwargs": {"idle_timeout": 0.01}}, self.environ())
        worker = server.fork().go()
        self.addCleanup(worker.close)
        self.assertEqual(worker.reason(), "should_exit() is true")
        self.assertEqual(server.close()[0], 0)

    def test_task_signal_handling_is_accepted_everywhere(self):
        given = {"task_signal_handling": "all"}
        for name, lines in (("Naming", ["task_signal_handling all"]), ("NamingInBase", ["task_signal_handling all"]),
                            ("Taking", ["retries 0 ['finished_queue', 'message_queue', 'worker_id'] 0"])):
            self.assertEqual(self.constructed(name, given), (lines, ""))

    def test_without_a_class_unknown_arguments_are_named(self):
        server = harness.Server({"kwargs": {"idle_timeout": 1, "task_signal_handling": "x", "other": 1}}, self.environ())
        self.assertEqual(server.answer["op"], "ready")
        self.assertEqual(server.close()[1], "dispatcherd: worker.kwargs: the worker class takes no argument other: left out\n")
