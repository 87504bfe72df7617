"""Tasks in a real worker: what they get, what they return, how they fail."""

from tests import harness


class Tasks(harness.WorkerCase):
    def test_a_task_gets_its_arguments_and_its_result_travels(self):
        worker = self.start(5)
        answer = worker.run("sample.add", 2, kwargs={"b": 3}, uuid="u-1")
        self.assertEqual((answer["outcome"], answer["result"], answer["error"], answer["stopping"]),
                         ("succeeded", 5, "", False))
        self.assertGreaterEqual(answer["finished"], answer["started"])

    def test_tasks_handed_ahead_run_in_order(self):
        worker = self.start()
        seqs = [worker.submit("sample.echo", number) for number in range(50)]
        answers = [worker.done() for _ in seqs]
        self.assertEqual([(a["seq"], a["result"]) for a in answers], list(zip(seqs, range(50))))

    def test_a_class_is_constructed_and_run(self):
        self.assertEqual(self.start().run("sample.Adder", 1, kwargs={"b": 1})["result"], 2)

    def test_a_bound_task_gets_uuid_and_worker_id(self):
        worker = self.start(5)
        self.assertEqual(worker.run("sample.bound", 1, uuid="u-2")["result"], ["u-2", 5, 1])
        self.assertEqual(worker.run("sample.add", 1, uuid="u-3", bind=1)["result"], 1)

    def test_a_message_may_ask_for_the_binder(self):
        answer = self.start().run("sample.add", "x", bind=True)
        self.assertIn("TypeError", answer["error"])  # binder + "x": the binder came first

    def test_labels_that_are_no_strings_are_told_as_json(self):
        worker = self.start()
        for uuid, label in ((None, ""), ([1], "[1]")):
            words = worker.run("sample.result", "lambda", uuid=uuid)["words"]
            self.assertIn("(uuid %s)" % label, words[0])

    def test_a_failure_is_one_line_and_its_traceback_is_logged(self):
        worker = self.start()
        answer = worker.run("sample.fail", "two\nlines", kwargs={"kwargs_secret": "hunter2"})
        self.assertEqual((answer["outcome"], answer["error"], answer["raw"]), ("failed", "ValueError: two lines", b""))
        (said,) = answer["words"]
        self.assertTrue(said.startswith("the task raised ValueError: two lines\nTraceback (most recent call last):\n"), said)
        self.assertIn("in fail\n    raise ValueError(text)", said)
        self.assertTrue(said.endswith("\nValueError: two\nlines"), said)
        self.assertNotIn("hunter2", said)
        self.assertNotIn("dispatcherd_worker", said)
        answer = worker.run("sample.fail", "x" * 50000)
        self.assertEqual(len(answer["error"]), 1000)
        self.assertIn("characters are left out", answer["words"][0])
        self.assertEqual(worker.read(worker.stderr), "")

    def test_bad_messages_fail_and_the_next_one_runs(self):
        worker = self.start()
        cases = [
            (b"not json", "JSONDecodeError"), (b"[1]", "ValueError: the message is not one JSON object"),
            (b"\xff\xff", "UnicodeDecodeError"), (b"{}", 'ValueError: the message has no "task"'),
            (b'{"task": "sample.add"} x', "ValueError: the message is not one JSON object"),
            (b'{"task": 5}', "TypeError: task must be a string, got int"),
            (b'{"task": ["sample.add"]}', "TypeError: task must be a string, got list"),
            (b'{"task": "sample.add", "args": null}', "TypeError: args must be a list, got NoneType"),
            (b'{"task": "sample.add", "args": "ab"}', "TypeError: args must be a list, got str"),
            (b'{"task": "sample.add", "args": {"a": 1}}', "TypeError: args must be a list, got dict"),
            (b'{"task": "sample.add", "kwargs": null}', "TypeError: kwargs must be a dict, got NoneType"),
            (b'{"task": "sample.add", "kwargs": [1]}', "TypeError: kwargs must be a dict, got list"),
            (b'{"task": "sample.add"}', "TypeError: add() missing 1 required positional argument: 'a'"),
            (b'{"task": "sample.nosuch"}', "ImportError: Dispatcherd could not import provided identifier: sample.nosuch"),
            (b'{"task": "nosuch.fn"}', "ModuleNotFoundError: No module named 'nosuch'"),
            (b'{"task": ""}', 'TaskRefused: "" is not the dotted name of a task'),
            (b'{"task": "add"}', "TaskRefused: add is not the dotted name of a task"),
            (b'{"task": "sample.add", "args": ' + b"[" * 100000 + b"]" * 100000 + b"}", "RecursionError"),
        ]
        for number, (body, error) in enumerate(cases, 1000):
            with self.subTest(body[:60]):
                worker.send("T", number, body)
                answer = worker.done()
                self.assertEqual((answer["seq"], answer["outcome"]), (number, "failed"))
                self.assertTrue(answer["error"].startswith(error), answer["error"])
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)

    def test_an_error_whose_text_raises_is_reported(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.evil_error")["error"], "EvilError: (its text cannot be read)")
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)

    def test_what_cannot_travel_is_replaced_and_named(self):
        worker = self.start()
        for kind, name in (("lambda", "of type function"), ("generator", "of type generator"), ("evil", "of type Evil"),
                           ("circular", "nested deeper"), ("deep", "nested deeper"), ("set", "of type set"),
                           ("bytes", "of type bytes"), ("int keys", "a dict with a key of type int"),
                           ("nested", "a list that holds a value of type object"), ("huge", "larger than 1048576 bytes"),
                           ("many", "larger than 1048576 bytes"), ("escapes", "larger than 1048576 bytes"),
                           ("digits", "larger than 1048576 bytes")):
            with self.subTest(kind):
                answer = worker.run("sample.result", kind, uuid="u-9")
                self.assertEqual((answer["outcome"], answer["raw"]), ("succeeded", b""))
                self.assertEqual(len(answer["words"]), 1)
                self.assertIn("result of sample.result (uuid u-9) is " + name, answer["words"][0])
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)

    def test_long_labels_are_cut(self):
        worker = self.start()
        words = worker.run("sample.result", "lambda", uuid="u" * 100000)["words"]
        self.assertRegex(words[0], r"\(uuid u{199}…\) is .*: replaced by null")

    def test_a_label_of_any_depth_does_no_harm(self):
        worker = self.start()
        for depth in range(950, 1000):  # about as deep as the interpreter can read
            seq = 10000 + depth
            worker.send("T", seq, b'{"task": "sample.result", "args": ["set"], "uuid": %s1%s}' % (b"[" * depth, b"]" * depth))
            self.assertEqual(worker.done()["seq"], seq)
        self.assertEqual(worker.run("sample.add", 1)["result"], 1)

    def test_json_values_travel_exactly(self):
        worker = self.start()
        for value in (None, True, 0, -1.5, 2 ** 70, "\u00fc\ud800\u0000\n", [], {}, [1, [2, {"a": None}]], float("inf"), "x" * 1000000):
            self.assertEqual(worker.run("sample.echo", value)["result"], value)

    def test_what_a_task_has_printed_is_there_before_its_done_frame(self):
        worker = self.start()
        for text, end in (("a line", "\n"), ("half a line", ""), ("", "")):
            worker.run("sample.say", text, kwargs={"end": end})
            self.assertEqual(worker.read(worker.stdout), text + end)

    def test_an_unmarked_function_is_no_task(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.unmarked")["error"],
                         'TaskRefused: sample.unmarked is not a registered task (worker.tasks = "registered")')
        self.assertEqual(worker.run("lambda: 5")["error"],
                         'TaskRefused: lambda: 5 is lambda text (worker.tasks = "registered")')

    def test_a_module_that_was_not_preloaded_is_imported(self):
        worker = self.start()
        self.assertEqual(worker.run("late.bound", uuid="u")["result"], "u")  # its options hold at once
        self.assertEqual(worker.run("late.double", 4)["result"], 8)
        self.assertEqual(worker.run("lambda_jobs.half", 4)["result"], 2)

    def test_follow_ups_run_with_the_tasks_uuid(self):
        worker = self.start()
        follow = [{"task": "sample.follow_up", "args": [number]} for number in (1, 0, 2)]
        answer = worker.run("sample.echo", "r", uuid="u", callbacks=follow, errbacks=follow)
        self.assertEqual((answer["result"], worker.read(worker.stdout)), ("r", "u 1\nu 0\nu 2\n"))
        self.assertEqual(answer["words"], ["a task of callbacks: ValueError: zero"])
        answer = worker.run("sample.fail", uuid="u", callbacks=follow[:1], errbacks=follow[2:])
        self.assertEqual((answer["outcome"], worker.read(worker.stdout)), ("failed", "u 2\nu 1\n"))
        answer = worker.run("sample.echo", 1, callbacks=5, errbacks="x")
        self.assertEqual((answer["result"], answer["words"]), (1, ["callbacks must be a list of messages: left out"]))
        answer = worker.run("sample.echo", 1, uuid="u", callbacks=[{"task": "sample.follow_up", "args": [-1]}, follow[0]])
        self.assertEqual((answer["stopping"], worker.read(worker.stdout)), (True, "u -1\n"))
        self.assertEqual(worker.reason(), "a task of callbacks raised DispatcherExit")


    def test_follow_ups_that_are_none_are_left_out(self):
        worker = self.start()
        for key in ("callbacks", "errbacks"):
            for value in (5, "text", [5], ["text"], {"task": "sample.add"}, [{"task": "sample.say"}, None]):
                answer = worker.run("sample.fail", "boom", **{key: value})
                self.assertEqual((answer["outcome"], answer["error"]), ("failed", "ValueError: boom"))
                self.assertEqual(answer["words"][1:], [key + " must be a list of messages: left out"])
            for value in (None, [], {}, "", 0, False):
                self.assertEqual(worker.run("sample.fail", "boom", **{key: value})["words"][1:], [])

    def test_follow_ups_may_have_their_own(self):
        worker = self.start()
        last = {"task": "sample.follow_up", "args": [2], "uuid": "another"}
        first = {"task": "sample.fail", "errbacks": [{"task": "sample.follow_up", "args": [1]}], "callbacks": [last]}
        worker.run("sample.add", 1, uuid="u", callbacks=[first])
        self.assertEqual(worker.read(worker.stdout), "u 1\nu 2\n")

    def test_a_cancelled_task_has_callbacks_and_no_errbacks(self):
        worker = self.start()
        follow = [[{"task": "sample.follow_up", "args": [number]}] for number in (1, 2)]
        seq = worker.submit("sample.sleep", uuid="u", callbacks=follow[0], errbacks=follow[1])
        worker.line()
        worker.cancel(seq)
        self.assertEqual((worker.done()["outcome"], worker.read(worker.stdout)), ("cancelled", "u 1\n"))

    def test_a_cancel_in_a_callback_skips_the_rest(self):
        worker = self.start()
        follow = [{"task": "sample.sleep"}, {"task": "sample.follow_up", "args": [1]}]
        seq = worker.submit("sample.add", 1, uuid="u", callbacks=follow)
        worker.line()
        worker.cancel(seq)
        self.assertEqual((worker.done()["outcome"], worker.read(worker.stdout)), ("succeeded", ""))

    def test_a_task_that_ends_its_worker_has_no_callbacks(self):
        worker = self.start()
        answer = worker.run("sample.leave", 3, callbacks=[{"task": "sample.follow_up", "args": [1]}])
        self.assertEqual((answer["result"], answer["stopping"], worker.read(worker.stdout)), (3, True, ""))

    def test_only_bind_is_taken_from_the_registration(self):
        # Registered with a timeout of 10 ms and "serial": both are the message's business.
        worker = self.start()
        answer = worker.run("sample.marked", 0.05)
        self.assertEqual((answer["outcome"], answer["result"]), ("succeeded", "slept"))

    def test_a_bound_task_without_uuid_is_told_so(self):
        worker = self.start(5)
        worker.send("T", 1, b'{"task": "sample.bound"}')
        self.assertEqual(worker.done()["result"], ["<unknown>", 5, None])

    def test_logging_that_nobody_configured_tells_of_warnings(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.log")["words"], ["a warning"])
        self.assertEqual(worker.read(worker.stderr), "")


class Control(harness.WorkerCase):
    def request(self, worker):
        kind, seq, body = worker.frame()
        self.assertEqual(kind, "Q")
        return seq, body

    def test_a_bound_task_asks_and_gets_the_reply(self):
        worker = self.start()
        task = worker.submit("sample.ask", "running", {"task": "x"})
        seq, body = self.request(worker)
        self.assertEqual(body, b'{"command": "running", "data": {"task": "x"}}')
        ahead = worker.submit("sample.add", 1)
        worker.send("R", seq + 100, b'"stray"')
        worker.send("R", seq, b'{"worker-0": 1}')
        self.assertEqual([(d["seq"], d["result"]) for d in (worker.done(), worker.done())],
                         [(task, {"worker-0": 1}), (ahead, 1)])

    def test_a_stop_while_it_waits_is_no_reply(self):
        worker = self.start()
        worker.submit("sample.ask", "alive")
        seq, _ = self.request(worker)
        worker.send("S")
        worker.send("R", seq, b"{}")
        self.assertEqual(worker.done()["result"], {})
        self.assertEqual(worker.reason(), "stop requested")

    def test_a_cancel_ends_the_wait_and_the_late_reply_is_nobodys(self):
        worker = self.start()
        task = worker.submit("sample.ask", "running")
        seq, _ = self.request(worker)
        worker.cancel(task)
        self.assertEqual(worker.done()["outcome"], "cancelled")
        worker.send("R", seq, b'"late"')
        worker.submit("sample.ask", "alive")
        second, _ = self.request(worker)
        self.assertNotEqual(second, seq)
        worker.send("R", second, b'"mine"')
        self.assertEqual(worker.done()["result"], "mine")

    def test_a_task_may_go_on_after_a_cancelled_wait(self):
        worker = self.start()
        task = worker.submit("sample.ask_twice")
        self.request(worker)
        worker.cancel(task)
        self.assertEqual(worker.line(), "cancelled once")
        seq, _ = self.request(worker)
        worker.send("R", seq, b"7")
        self.assertEqual(worker.done()["result"], 7)

    def test_a_daemon_that_goes_away_ends_the_wait(self):
        worker = self.start()
        worker.submit("sample.ask", "alive")
        self.request(worker)
        worker.sock.shutdown(1)
        self.assertEqual(worker.done()["error"], "ConnectionError: the daemon closed the connection before its reply")
        self.assertEqual(worker.wait(), 0)

    def test_a_daemon_that_does_not_know_of_the_request_ends_the_wait(self):
        worker = self.start()
        worker.submit("sample.ask", "alive")
        self.request(worker)
        worker.send("R", 0)
        self.assertEqual(worker.done()["error"], "ConnectionError: the daemon was restarted before its reply; "
                                                 "whether it did what was asked is not known")
        worker.submit("sample.ask", "alive")
        seq, _ = self.request(worker)
        worker.send("R", seq, b"7")
        self.assertEqual(worker.done()["result"], 7)

    def test_a_request_that_comes_later_is_not_meant(self):
        worker = self.start()
        worker.send("R", 0)
        worker.submit("sample.ask", "alive")
        seq, _ = self.request(worker)
        worker.send("R", seq, b"7")
        self.assertEqual(worker.done()["result"], 7)

    def test_bad_requests_fail_in_the_task(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.ask", 5)["error"], "TypeError: command must be a string, got int")


class AnyTasks(harness.WorkerCase):
    spec = {"tasks": "any"}

    def test_lambda_text_runs(self):
        worker = self.start()
        self.assertEqual(worker.run("lambda: 5")["result"], 5)
        self.assertEqual(worker.run("lambda a, b=2: a * b", 4)["result"], 8)
        self.assertEqual(worker.run("lambda: 1 / 0")["error"], "ZeroDivisionError: division by zero")
        self.assertTrue(worker.run("lambda: (")["error"].startswith("SyntaxError"))
        self.assertEqual(worker.run("lambda_jobs.half", 4)["result"], 2)

    def test_unmarked_functions_run(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.unmarked", 3)["result"], 3)
        self.assertEqual(worker.run("sample.takes_binder", bind=True, uuid="u")["result"], "u")
        self.assertTrue(worker.run("os.sep")["error"].startswith("InvalidMethod"))

    def test_a_name_that_stands_for_nothing_is_told(self):
        worker = self.start()
        for name in ("sample.nothing", "os.path.nothing"):
            self.assertEqual(worker.run(name)["error"],
                             "ImportError: Dispatcherd could not import provided identifier: " + name)
        self.assertEqual(worker.run("nowhere.nothing")["error"], "ModuleNotFoundError: No module named 'nowhere'")
        self.assertEqual(worker.run("nothing")["error"], "TaskRefused: nothing is not the dotted name of a task")


class ImportableTasks(harness.WorkerCase):
    spec = {"tasks": "importable", "tasks_allow": ["sample.*", "os.path.join"]}

    def test_the_patterns_decide_before_anything_is_imported(self):
        worker = self.start()
        self.assertEqual(worker.run("sample.unmarked", 3)["result"], 3)
        self.assertEqual(worker.run("os.path.join", "a", "b")["result"], "a/b")
        self.assertEqual(worker.run("broken.task")["error"],
                         "TaskRefused: broken.task matches no pattern of worker.tasks_allow")
        self.assertEqual(worker.run("lambda: 5")["error"],
                         "TaskRefused: lambda: 5 matches no pattern of worker.tasks_allow")
