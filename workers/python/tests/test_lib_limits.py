"""The limits that a message carries, and what is refused before it is sent."""

import json

from dispatcherd import publish
from dispatcherd.processors.delayer import Delayer
from dispatcherd.processors.limits import Limits
from dispatcherd.registry import DispatcherMethod
from tests.test_lib_publish import PublishCase, job

GOOD = {
    "memory_high": ("400M", "1.5G", "50%", "infinity", 4096, "4096"), "memory_max": ("512M", "2T", "100%", 1 << 30),
    "swap_max": ("0", 0, "64K"), "cpu_quota": ("50%", "150%", "infinity"), "cpu_weight": (1, 10000),
    "io_weight": (1, 10000), "tasks_max": (1, 64, "10%", "infinity"),
}
BAD = {
    "memory_high": ("12Q", "", "M", "-1", -1, 1.5, True, "101%", "12 M", "512MB", "٣M", ["1M"]), "memory_max": ("1m", "-5%", "%", "12.5%"),
    "swap_max": ("none",), "cpu_quota": ("0%", "50", 50, 0.5, "-1%", "%", "12.5%"), "cpu_weight": (0, 10001, "100", True, 1.0),
    "io_weight": (0, "idle"), "tasks_max": (0, -1, "64", "0%", "101%", "64%%", True, 1.5),
}


class Values(PublishCase):
    def test_good_ones_are_carried_as_they_are(self):
        for name, values in GOOD.items():
            for value in values:
                with self.subTest(name, value=value):
                    self.assertEqual(Limits.Params(**{name: value}).to_dict(), {"limits": {name: value}})

    def test_bad_ones_are_named_with_what_is_wanted(self):
        for name, values in BAD.items():
            for value in values:
                with self.subTest(name, value=value), self.assertRaises(ValueError) as caught:
                    Limits.Params(**{name: value})
                self.assertRegex(str(caught.exception), r"^limits: %s must be a .*, not " % name)
                self.assertIn(repr(value), str(caught.exception))
                self.assertNotIn("\n", str(caught.exception))

    def test_high_must_not_be_above_max(self):
        for high, most in (("600M", "512M"), ("60%", "50%"), (1025, "1K"), ("0.6G", "512M")):
            with self.subTest(high=high, most=most), self.assertRaisesRegex(ValueError, "memory_high .* is above memory_max"):
                Limits.Params(memory_high=high, memory_max=most)
        for high, most in (("512M", "512M"), ("90%", "100M"), ("512M", "1%"), ("1G", "infinity"), ("infinity", "1G"), ("512M", "0.5G")):
            Limits.Params(memory_high=high, memory_max=most)

    def test_a_mapping_with_another_name_or_none_at_all_is_refused(self):
        with self.assertRaisesRegex(ValueError, "limits: there is no memory; there are memory_high, memory_max, .*tasks_max$"):
            Limits.Params.of({"memory": "1G"})
        for limits in ("1G", 5, [("memory_max", "1G")]):
            with self.subTest(limits), self.assertRaisesRegex(ValueError, "limits must be a mapping"):
                Limits.Params.of(limits)
            with self.assertRaisesRegex(ValueError, "limits must be a mapping"):
                Limits.Params.from_message({"limits": limits})

    def test_they_are_read_from_messages(self):
        limits = Limits.Params(memory_max="1G", tasks_max=5)
        self.assertEqual(Limits.Params.from_message({"task": "t", **limits.to_dict()}), limits)
        self.assertEqual(Limits.Params.from_message({"task": "t"}), Limits.Params())
        self.assertEqual(Limits.Params().to_dict(), {})


class Messages(PublishCase):
    def limits(self, **options):
        """Return the limits of the message that a submission sends, None without the key."""
        body, _ = job.apply_async(settings=self.settings, **options)
        self.assertEqual(json.loads(self.sent[-1]["message"]), body)
        return body.get("limits")

    def test_without_limits_there_is_no_key(self):
        self.mark()
        for limits in (None, {}, Limits.Params()):
            self.assertIsNone(self.limits(limits=limits))

    def test_the_decorators_are_in_each_message(self):
        for options in ({"limits": {"memory_max": "1G"}}, {"limits": Limits.Params(memory_max="1G")},
                        {"processor_options": [Limits.Params(memory_max="1G"), Delayer.Params(delay=1)]}):
            self.mark(**options)
            self.assertEqual(self.limits(), {"memory_max": "1G"})

    def test_each_of_the_submission_wins_over_the_decorators(self):
        self.mark(limits={"memory_max": "1G", "tasks_max": 9}, processor_options=[Limits.Params(memory_max="4G", io_weight=5)])
        want = {"memory_max": "512M", "tasks_max": 9, "io_weight": 5}
        self.assertEqual(self.limits(limits={"memory_max": "512M"}), want)
        self.assertEqual(self.limits(processor_options=[Limits.Params(memory_max="512M")]), want)
        self.assertEqual(self.limits(processor_options=[Limits.Params(memory_max="2G")], limits={"memory_max": "512M"}), want)
        self.assertEqual(self.limits(), {"memory_max": "1G", "tasks_max": 9, "io_weight": 5})

    def test_bad_ones_are_refused_before_anything_is_sent(self):
        with self.assertRaisesRegex(ValueError, "tasks_max"):
            self.mark(limits={"tasks_max": 0})
        self.mark(limits={"memory_max": "100M"})
        for limits in ({"memory_max": "12Q"}, {"colour": "red"}, {"memory_high": "200M"}, 5):
            with self.subTest(limits), self.assertRaisesRegex(ValueError, "^limits"):
                self.limits(limits=limits)
        self.assertEqual(self.sent, [])

    def test_submit_task_takes_them_for_marked_and_unmarked_ones(self):
        def submit(**options):
            return publish.submit_task(job, registry=self.registry, settings=self.settings, **options)[0]["limits"]

        self.assertEqual(submit(limits={"tasks_max": 5}), {"tasks_max": 5})
        self.mark(limits={"cpu_quota": "50%"}, decorate=False)
        self.assertEqual(submit(limits={"tasks_max": 5}), {"cpu_quota": "50%", "tasks_max": 5})

    def test_a_method_of_ones_own_that_knows_no_limits_is_not_given_any(self):
        seen = []

        class Own(DispatcherMethod):
            def apply_async(self, args, kwargs, uuid, queue, bind, settings, timeout, processor_options):
                seen.append(args)
                return {}, "own"

        self.registry.registry.add(Own(job))
        self.assertEqual(publish.submit_task(job, args=[1], registry=self.registry, settings=self.settings), ({}, "own"))
        self.assertEqual(seen, [[1]])
