"""Note how each unittest of a process ended, for every way to start it; for bare runs.

Lies in the virtual environment of a bare run, and is imported there when `LIVE_NOTES` names a
file; the command stays the one that a developer types. Knows nothing of the product.
Each line of the file: number of the suite within the process, id, outcome.
"""

import json
import os
import unittest

_PLACE = os.environ["LIVE_NOTES"]
_suites = []


def _note(result, test, outcome):
    if not any(result is suite for suite in _suites):
        _suites.append(result)
    number = 1 + [result is suite for suite in _suites].index(True)
    with open(_PLACE, "a", encoding="utf-8") as file:
        file.write(json.dumps([number, test.id(), outcome]) + "\n")


def _watch(name, outcome):
    original = getattr(unittest.TestResult, name)

    def noted(self, test, *args, **named):
        ended = outcome(*args) if callable(outcome) else outcome
        # A skip within a subtest names the subtest.
        _note(self, getattr(test, "test_case", test), ended)
        return original(self, test, *args, **named)

    setattr(unittest.TestResult, name, noted)


def _of_subtest(subtest, raised):
    return "passed" if raised is None else "failed"


for _name, _outcome in {
    "addSuccess": "passed",
    "addFailure": "failed",
    # unittest calls it an error when a test ends with anything but an AssertionError.
    "addError": "failed",
    "addSkip": "skipped",
    "addExpectedFailure": "xfailed",
    "addUnexpectedSuccess": "failed",
    "addSubTest": _of_subtest,
}.items():
    _watch(_name, _outcome)
