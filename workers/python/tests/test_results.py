"""Which results travel."""

import enum
import json
import unittest

from dispatcherd_worker import results


class Results(unittest.TestCase):
    def test_plain_values_are_written_exactly(self):
        for value in (True, False, 0, -7, 10 ** 100, 1.5, 1e308, "", "\u00fc\U0001f600", [], (), {}, {"a": [1, {"b": None}]}, [[[]]]):
            text, problem = results.encode(value)
            self.assertIsNone(problem)
            want = list(value) if type(value) is tuple else value
            self.assertEqual(json.loads(text), want)
        self.assertEqual(results.encode(None), (b"", None))
        self.assertEqual(results.encode([(1, 2)]), (b"[[1,2]]", None))
        self.assertEqual(results.encode([float("nan"), float("-inf")]), (b"[NaN,-Infinity]", None))

    def test_other_types_are_named_by_their_real_name(self):
        class Liar(type):
            @property
            def __name__(cls):
                raise RuntimeError("evil")

        class Lies(metaclass=Liar):
            pass

        class Text(str):
            def __len__(self):
                raise RuntimeError("evil")

        for value, name in ((Lies(), "Lies"), (Text("x"), "Text"), (enum.IntEnum("Number", "one").one, "Number"), (1j, "complex")):
            self.assertEqual(results.encode(value), (b"", "of type " + name))
            self.assertEqual(results.encode([value]), (b"", "a list that holds a value of type " + name))

    def test_the_limits_are_exact(self):
        limit = results.MAX_TEXT
        self.assertEqual(len(results.encode("x" * (limit - 2))[0]), limit)
        self.assertEqual(results.encode("x" * (limit - 1)), (b"", "larger than 1048576 bytes of JSON text"))
        deep = []
        for _ in range(results.MAX_DEPTH - 1):
            deep = [deep]
        self.assertIsNone(results.encode(deep)[1])
        self.assertEqual(results.encode([deep]), (b"", "nested deeper than 100"))

    def test_an_int_beyond_pythons_digit_limit_is_no_error_of_the_worker(self):
        text, problem = results.encode([10 ** 5000])
        if problem is None:  # an interpreter without the limit
            self.assertEqual(len(text), 5003)
        else:
            self.assertEqual(problem, "of type list and cannot be written as JSON (ValueError)")

    def test_shared_parts_are_not_circular(self):
        part = [1]
        self.assertEqual(results.encode([part, part]), (b"[[1],[1]]", None))

    def test_what_grows_while_it_is_walked_is_refused(self):
        circular = {}
        circular["again"] = [circular]
        self.assertEqual(results.encode(circular)[0], b"")
        wide = []
        wide.extend([wide] * 1000)
        self.assertEqual(results.encode(wide)[0], b"")
