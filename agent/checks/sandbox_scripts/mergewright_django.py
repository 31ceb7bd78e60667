"""Run a repository's own test script, report each of its unittests, and add one that must fail.

For Django's `manage.py test`, scripts such as `runtests.py`, and any other script that passes a
suite to a unittest runner in its own process. We replace the call of a suite with a result object,
which all runners make, so any runner and any class of results works.

Arguments: the script, or `-m` and a module, and its arguments.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import unittest
import unittest.case
import unittest.suite

import mergewright_report

#: The beginning of the id that unittest gives to a module that cannot be imported.
_LOST = "unittest.loader._FailedTest."


def get_id(test):
    """Return the id of a test, also where the test has an attribute `id` of its own."""
    named = type(test).id
    test_id = named(test) if callable(named) else unittest.TestCase.id(test)
    if test_id.startswith(_LOST):
        test_id = test_id[len(_LOST) :] + mergewright_report.COLLECTION
    return mergewright_report.shorten_id(test_id)


class Recorder:
    """Writes a line for each test, from the calls of the result object."""

    def __init__(self, request, log, result, ids):
        self.request, self.log, self.result = request, log, result
        self.running, self.pending = {}, dict.fromkeys(ids)
        self.patience = mergewright_report.Patience(request["longest"])
        self.is_late, self.why_over = False, ""
        listeners = {
            "startTest": self.start,
            "stopTest": self.stop,
            "addSuccess": lambda test: self.note(test, "passed"),
            "addFailure": lambda test, raised: self.note(test, "failed", raised),
            "addError": lambda test, raised: self.note(test, "failed", raised),
            "addSkip": lambda test, reason: self.note(test, "skipped", text=str(reason)),
            "addExpectedFailure": lambda test, raised: self.note(test, "xfailed"),
            "addUnexpectedSuccess": lambda test: self.note(
                test, "failed", text="unexpected success"
            ),
            "addSubTest": self.note_subtest,
        }
        for name, listener in listeners.items():
            method = getattr(result, name, None)
            if method is not None:
                setattr(result, name, _call_both(listener, method))

    def start(self, test):
        self.running[get_id(test)] = {"id": get_id(test), "outcome": "unrun"}
        self.patience.begin()

    def note_subtest(self, test, subtest, raised):
        if raised is not None:
            if type(subtest._message) is object:
                # unittest's mark for "no message" is an object; other processes send a copy of it.
                subtest._message = unittest.case._subtest_msg_sentinel  # type: ignore[attr-defined]
            self.note(test, "failed", raised, text=subtest._subDescription())

    def note(self, test, outcome, raised=None, text=""):
        # A skip within a subtest is reported for the subtest; it counts for the whole test.
        if isinstance(test, unittest.case._SubTest):  # type: ignore[attr-defined]
            test = test.test_case
        test_id = get_id(test)
        facts = self.running.get(test_id, {"id": test_id, "outcome": "unrun"})
        if facts["outcome"] != "failed":
            self.join(facts, outcome, raised, text)
        # Set-up and tear-down of a class or module come without `startTest`; so does a skipped test
        # with Python 3.12.1.
        if test_id not in self.running:
            is_test = isinstance(test, unittest.TestCase)
            for covered in [test_id] if is_test else self.list_covered(test_id) or [test_id]:
                is_error = outcome == "failed" and not is_test
                self.end(dict(facts, id=covered, outcome="error" if is_error else outcome))

    def list_covered(self, fixture):
        """List the tests that a failed `setUpClass (package.module.Class)` prevents."""
        kind, _, place = fixture.partition(" (")
        start = place.rstrip(")") + "."
        is_set_up = kind in ("setUpClass", "setUpModule")
        return [test_id for test_id in self.pending if is_set_up and test_id.startswith(start)]

    def join(self, facts, outcome, raised, text):
        facts["outcome"] = outcome
        if isinstance(raised, tuple) and len(raised) == 3:
            words = mergewright_report.describe_exception(raised[0], raised[1])
            text = text + "\n" + words if text else words
            # A traceback from another process may be text.
            trace = raised[2] if hasattr(raised[2], "tb_frame") else None
            facts["place"] = mergewright_report.find_last_place(trace, self.request["tree"])
        if facts["id"].endswith(mergewright_report.COLLECTION):
            # unittest's text is a whole traceback, whose last line names the error.
            facts["outcome"], text = "error", (text.strip().splitlines() or [""])[-1]
        facts["text"] = mergewright_report.cut(text)

    def stop(self, test):
        self.patience.end()
        facts = self.running.pop(get_id(test), None)
        if facts is not None:
            self.end(facts)
        if mergewright_report.is_late(self.request):
            self.is_late = self.result.shouldStop = True

    def end(self, facts):
        if facts["outcome"] != "unrun":
            self.pending.pop(facts["id"], None)
        if why := self.log.add(facts):
            self.result.shouldStop, self.why_over = True, why


def _call_both(listener, method):
    def call(*args, **named):
        listener(*args, **named)
        return method(*args, **named)

    return call


def _cases(suite):
    for test in suite:
        if hasattr(test, "id"):
            yield test
        else:
            yield from _cases(test)


def _locate(test):
    """Return the file of a test, or of the module that could not be imported."""
    test_id = get_id(test)
    if test_id.endswith(mergewright_report.COLLECTION):
        name = test_id[: -len(mergewright_report.COLLECTION)].replace(".", os.sep) + ".py"
        paths = [os.path.abspath(os.path.join(folder, name)) for folder in sys.path]
        return next((path for path in paths if os.path.isfile(path)), None)
    path = getattr(sys.modules.get(type(test).__module__), "__file__", None)
    # A folder on sys.path may contain `..`.
    return path and os.path.abspath(path)


def _serial(suite):
    """Return the suite; as a serial one, if its parallel processes could not report a failure.

    Without tblib no traceback can be sent between processes, and the first failure ends Django's
    parallel run with an error of its own.
    """
    subsuites = getattr(suite, "subsuites", None)
    if subsuites is None or importlib.util.find_spec("tblib"):
        return suite
    return unittest.TestSuite(subsuites)


class _Sentinel(unittest.TestCase):
    def runTest(self):  # noqa: N802 - unittest's name
        self.fail("This test fails on purpose, to show that failures are detected.")

    def id(self):
        return mergewright_report.SENTINEL


class _NullStream:
    """Replaces a stream while our own test runs; it has every method that a stream may have."""

    def __getattr__(self, name):
        return lambda *args, **named: None


def _run_sentinel(result):
    """Run our own test on the runner's result object, and remove its failure again."""
    names = ("stream", "failures", "testsRun", "shouldStop")
    kept = {name: getattr(result, name) for name in names if hasattr(result, name)}
    result.stream, result.failures = _NullStream(), []
    try:
        # Run without a suite, which would tear down the last class a second time.
        _Sentinel()(result)
    finally:
        for name, value in kept.items():
            setattr(result, name, value)


def install(request, report):
    """Watch the outermost suite of this process from now on."""
    # unittest shortens long diffs, perhaps without the line that differs.
    unittest.TestCase.maxDiff = None
    original = unittest.suite.BaseTestSuite.__call__
    log, depth = mergewright_report.TestLog(request, report), [0]

    def call(self, *args, **named):
        if depth[0]:
            return original(self, *args, **named)
        result = args[0] if args else named["result"]
        tests = [(test, get_id(test), _locate(test)) for test in _cases(self)]
        chosen, only = self, request["only"]
        if only:
            names, places = frozenset(only["ids"]), only["files"]
            tests = [test for test in tests if test[1] in names or test[2] in places]
            chosen = unittest.TestSuite([test for test, _, _ in tests])
        ids = [test_id for _, test_id, _ in tests]
        files = [mergewright_report.relative_path(path, request["tree"]) for _, _, path in tests]
        del tests  # a suite frees each test that has ended, which this list would keep
        report.add("session")
        report.add("collected", ids=ids, files=files)
        recorder = Recorder(request, log, result, ids)
        for watched in (self, chosen, result):
            if getattr(watched, "failfast", False):
                watched.failfast = False
        depth[0] += 1
        try:
            outcome = original(_serial(chosen), *args, **named)
            stopped = getattr(result, "shouldStop", False) and not recorder.is_late
            _run_sentinel(result)
        finally:
            depth[0] -= 1
        why = recorder.why_over or ("the suite was told to stop" if stopped else "")
        report.add("finish", stopped=why, late=recorder.is_late)
        return outcome

    unittest.suite.BaseTestSuite.__call__ = call  # type: ignore[method-assign]


def main():
    request, report = mergewright_report.begin()
    install(request, report)
    del sys.argv[0]
    script = os.path.abspath(sys.argv[0])
    is_module = sys.argv[0] == "-m"
    sys.path.insert(0, os.getcwd() if is_module else os.path.dirname(script))
    tracer, code = mergewright_report.Tracer(request), 1
    try:
        if is_module:
            del sys.argv[0]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    finally:
        tracer.write(report)
        report.add("exit", code=code & 0xFF)


if __name__ == "__main__":
    main()
