"""Run a repository's own test script, reporting every unittest in it, with one that must fail.

For Django's `manage.py test`, scripts like `runtests.py`, and anything else that hands a suite to
a unittest runner in its own process. The outermost suite is watched where it meets the result
object. So any runner and any result class of the script will do.

Arguments: the script and its arguments.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
import unittest
import unittest.case
import unittest.suite

import mergewright_report

# Bound now: a test may replace it.
_now = mergewright_report.now
_LOST = ("unittest.loader._FailedTest.", "unittest.loader.ModuleImportFailure.")


def get_id(test):
    """Return the id of a test, which may have an attribute of that name."""
    named = type(test).id
    own = named(test) if callable(named) else unittest.TestCase.id(test)
    return mergewright_report.shorten_id(own)


class Recorder:
    """Writes a line per test from the calls of the result object."""

    def __init__(self, request, report):
        self.request = request
        self.report = report
        self.running = {}
        self.first = mergewright_report.FirstTests(request)
        self.patience = mergewright_report.Patience(request["longest"])
        self.is_late = False

    def watch(self, result):
        self.result = result
        listeners = {
            "startTest": self.start,
            "stopTest": self.stop,
            "addSuccess": lambda test: self.note(test, "passed"),
            "addFailure": lambda test, raised: self.note(test, "failed", raised),
            "addError": lambda test, raised: self.note(test, "failed", raised),
            "addSkip": lambda test, reason: self.note(test, "skipped", said=str(reason)),
            "addExpectedFailure": lambda test, raised: self.note(test, "xfailed"),
            "addUnexpectedSuccess": lambda test: self.note(
                test, "failed", said="unexpected success"
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
                # From another process unittest's mark for "no message" comes as a copy.
                subtest._message = unittest.case._subtest_msg_sentinel
            self.note(test, "failed", raised, said=subtest._subDescription())

    def note(self, test, outcome, raised=None, said=""):
        # A skip within a subtest names the subtest.
        if isinstance(test, unittest.case._SubTest):
            test = test.test_case
        facts = self.running.get(get_id(test))
        # The set-up or tear-down of a class or a module has not begun as a test; nor has, with
        # Python 3.12.1 alone, a test that is skipped.
        is_over, is_test = facts is None, isinstance(test, unittest.TestCase)
        if is_over:
            facts = {"id": get_id(test), "outcome": "unrun"}
            outcome = "error" if outcome == "failed" and not is_test else outcome
        if facts["outcome"] != "failed":
            self.join(facts, outcome, raised, said)
        if is_over:
            self.add(facts if is_test else dict(facts, kind="fixture"))

    def join(self, facts, outcome, raised, said):
        facts["outcome"] = outcome
        if isinstance(raised, tuple) and len(raised) == 3:
            text = mergewright_report.describe_exception(raised[0], raised[1])
            said = said + "\n" + text if said else text
            trace = raised[2] if hasattr(raised[2], "tb_frame") else None
            place = mergewright_report.find_last_place(trace, self.request["tree"])
            if place:
                facts["place"] = place
        if said:
            facts["text"] = mergewright_report.cut(said)
        if outcome in ("failed", "error") and isinstance(raised, tuple):
            mergewright_report.add_details(facts, _describe_traceback(raised))

    def stop(self, test):
        self.patience.end()
        facts = self.running.pop(get_id(test), None)
        if facts is not None:
            self.add(facts)
        last_start = self.request["last_start"]
        if last_start is not None and _now() - mergewright_report.BEGUN > last_start:
            self.is_late = self.result.shouldStop = True

    def add(self, facts):
        self.report.add("test", **facts)
        # The first failure may say enough.
        known = self.request["known_red"]
        is_red = facts["outcome"] in ("failed", "error")
        ends = known is not None and is_red and facts["id"] not in known
        if self.first.are_poor(facts["outcome"]) or ends:
            self.result.shouldStop = True


def _describe_traceback(raised):
    try:
        return "".join(traceback.format_exception(*raised))
    except Exception:
        return ""


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
            for inner in _cases(test):
                yield inner


def _choose(suite, only):
    if only is None:
        return suite
    ids = frozenset(only["ids"])
    return unittest.TestSuite(
        [case for case in _cases(suite) if get_id(case) in ids or _locate(case) in only["files"]]
    )


def _locate(test):
    """Return the file of a test, or of the module in whose place it is."""
    for prefix in _LOST:
        if get_id(test).startswith(prefix):
            end = get_id(test)[len(prefix) :].replace(".", os.sep) + ".py"
            paths = [os.path.abspath(os.path.join(folder, end)) for folder in sys.path]
            return next((path for path in paths if os.path.isfile(path)), None)
    path = getattr(sys.modules.get(type(test).__module__), "__file__", None)
    # A folder on the path may be named with dots, as that above an example's manage.py.
    return path and os.path.abspath(path)


def _serial(suite):
    """Join the parts of a parallel suite where they could not tell of a failure.

    Without tblib no traceback gets from one process to another, and the first failure ends
    Django's parallel run in an error of its own.
    """
    parts = getattr(suite, "subsuites", None)
    if parts is None:
        return suite
    try:
        import tblib  # noqa: F401
    except ImportError:
        return unittest.TestSuite(parts)
    return suite


class _Sentinel(unittest.TestCase):
    def runTest(self):  # noqa: N802 - unittest's name
        self.fail("This test fails on purpose, to show that failures are detected.")

    def id(self):
        return "mergewright_sentinel.test_must_fail"


class _NullStream:
    """In place of a stream while our own test runs."""

    def __getattr__(self, name):
        return lambda *args, **named: None


def _run_sentinel(result):
    """Run ours on the result that the script's runner looks at, and take its failure back."""
    kept = {name: getattr(result, name, None) for name in ("stream", "testsRun", "shouldStop")}
    if kept["stream"] is not None:
        result.stream = _NullStream()
    failures = getattr(result, "failures", None)
    before = len(failures) if isinstance(failures, list) else None
    try:
        # Not as a suite: that would tear the last class down again.
        _Sentinel()(result)
    finally:
        for name, value in kept.items():
            if value is not None:
                setattr(result, name, value)
        if before is not None:
            del failures[before:]


def install(request, report):
    """Watch the outermost suite of this process from now on."""
    # A difference that is cut does not show what differs.
    unittest.TestCase.maxDiff = None
    original = unittest.suite.BaseTestSuite.__call__
    process = os.getpid()
    depth = [0]

    def call(self, *args, **named):
        if depth[0] or os.getpid() != process:
            return original(self, *args, **named)
        result = args[0] if args else named["result"]
        chosen = _choose(self, request["only"])
        paths = [(get_id(test), _locate(test)) for test in _cases(chosen)]
        files = [mergewright_report.relative_path(path, request["tree"]) for _, path in paths]
        report.add("session")
        report.add("collected", ids=[test_id for test_id, _ in paths], files=files)
        recorder = Recorder(request, report)
        recorder.watch(result)
        for watched in (self, chosen, result):
            if getattr(watched, "failfast", False):
                watched.failfast = False
        depth[0] += 1
        try:
            outcome = original(_serial(chosen), *args, **named)
            stopped = bool(getattr(result, "shouldStop", False)) and not recorder.is_late
            _run_sentinel(result)
        finally:
            depth[0] -= 1
        said = "the suite was told to stop" if stopped else ""
        named_files = sorted({*files} - {""})
        report.add("finish", stopped=said, late=recorder.is_late, files=named_files)
        return outcome

    unittest.suite.BaseTestSuite.__call__ = call


def main():
    request, report = mergewright_report.begin()
    install(request, report)
    script = os.path.abspath(sys.argv[1])
    sys.argv[:] = sys.argv[1:]
    sys.path.insert(0, os.path.dirname(script))
    tracer = mergewright_report.Tracer(request)
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        raise
    except Exception:
        code = 1
        raise
    finally:
        tracer.write(report)
        report.add("exit", code=code & 0xFF)


if __name__ == "__main__":
    main()
