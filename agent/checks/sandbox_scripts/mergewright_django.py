"""Run a repository's own test script, recording every unittest in it.

For Django's `manage.py test`, scripts like `runtests.py`, and anything else that hands a suite to
a unittest runner in its own process. The outermost suite is watched where it meets the result
object. So any runner and any result class of the script will do. One test that must pass and one
that must fail are run on the same result.

Arguments: the script and its arguments.
"""

from __future__ import annotations

import os
import runpy
import sys
import unittest
import unittest.suite

import mergewright_entry
import mergewright_reach
import mergewright_report

# Bound now: a test may replace it.
_now = mergewright_report.now
MUST_FAIL = "This test fails on purpose, to show that failures are detected."


def get_id(test):
    """Return the id of a test, which may have an attribute of that name."""
    named = type(test).id
    own = named(test) if callable(named) else unittest.TestCase.id(test)
    return mergewright_report.shorten_id(own)


class Recorder:
    """Writes a line per test from the calls of the result object."""

    def __init__(self, order, report, reach):
        self.order = order
        self.report = report
        self.reach = reach
        self.running = {}
        self.first = mergewright_report.FirstTests(order)
        self.patience = mergewright_report.Patience(order["longest"])
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
        if self.reach is not None:
            self.reach.begin(get_id(test), type(test).__module__)
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
            place = mergewright_report.find_last_place(trace, self.order["tree"])
            if place:
                facts["place"] = place
        if said:
            facts["text"] = mergewright_report.cut(said)
        if outcome in ("failed", "error") and isinstance(raised, tuple):
            mergewright_report.add_details(facts, mergewright_report.describe_traceback(raised))

    def stop(self, test):
        self.patience.end()
        if self.reach is not None:
            self.reach.begin_between(type(test).__module__)
        facts = self.running.pop(get_id(test), None)
        if facts is not None:
            self.add(facts)
        last_start = self.order["last_start"]
        if last_start is not None and _now() - mergewright_report.BEGUN > last_start:
            self.is_late = self.result.shouldStop = True

    def add(self, facts):
        self.report.add("test", **facts)
        # The first failure may say enough.
        known = self.order["may_fail"]
        is_red = facts["outcome"] in ("failed", "error")
        ends = known is not None and is_red and facts["id"] not in known
        if self.first.are_poor(facts["outcome"]) or ends:
            self.result.shouldStop = True


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


def _choose(suite, order):
    only = order["only"]
    if only is None:
        return suite
    ids = frozenset(only["ids"])
    return unittest.TestSuite(
        [case for case in _cases(suite) if get_id(case) in ids or _locate(case) in only["files"]]
    )


_LOST = ("unittest.loader._FailedTest.", "unittest.loader.ModuleImportFailure.")


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


def _find_around(suite, tree):
    files = {mergewright_report.relative_path(_locate(test), tree) for test in _cases(suite)}
    return {"files": sorted(files - {""}), "settings": mergewright_report.django_settings()}


def _serial(suite, is_parallel):
    """Join the parts of a parallel suite where they could not tell of a failure.

    Without tblib no traceback gets from one process to another, and the first failure ends
    Django's parallel run in an error of its own.

    Args:
        is_parallel: Whether it may stay parallel.
    """
    parts = getattr(suite, "subsuites", None)
    if parts is None:
        return suite
    try:
        import tblib  # noqa: F401
    except ImportError:
        is_parallel = False
    return suite if is_parallel else unittest.TestSuite(parts)


def _own_tests(order):
    def passes(self):
        return None

    def fails(self):
        self.fail(MUST_FAIL)

    tests = {order["must_pass"]: passes, order["must_fail"]: fails}
    case = type(order["module"], (unittest.TestCase,), dict(tests, __module__=order["module"]))
    return [case(name) for name in tests]


class _NullStream:
    """In place of a stream while our own tests run."""

    def __getattr__(self, name):
        return lambda *args, **named: None


def _run_own_tests(order, result, withheld):
    """Run ours on the result that the script's runner looks at.

    What it prints is for people and is about their tests alone: where a runner of unittest prints,
    our failure is added only then. What it returns, and so the exit code, has it,
    unless ours do not count.

    Returns:
        How many failures of ours do not count.
    """
    stream = getattr(result, "stream", None)
    if stream is not None:
        result.stream = _NullStream()
    failures = getattr(result, "failures", None)
    before = len(failures) if isinstance(failures, list) else None
    try:
        # One by one, not as a suite: that would tear the last class down again.
        for test in _own_tests(order):
            test(result)
    finally:
        if stream is not None:
            result.stream = stream
    if before is None or not (withheld or not order["counts_own"]):
        return 0
    ours = failures[before:]
    del failures[before:]
    if not order["counts_own"]:
        return len(ours)
    withheld[-1].append((failures, ours))
    return 0


def _withhold_ours():
    """Return a stack with what each runner of unittest gets back once it has printed."""
    withheld = []
    original = unittest.TextTestRunner.run

    def run(self, *args, **named):
        withheld.append([])
        try:
            return original(self, *args, **named)
        finally:
            for failures, ours in withheld.pop():
                failures.extend(ours)

    unittest.TextTestRunner.run = run
    return withheld


def _list_conditions(suite):
    for test in _cases(suite):
        method = getattr(test, str(getattr(test, "_testMethodName", "")), None)
        owners = mergewright_report.list_conditions(type(test))
        if said := (*owners, *mergewright_report.list_conditions(method)):
            yield get_id(test), mergewright_report.cut("; ".join(said))


def install(order, report):
    """Watch the outermost suite of this process from now on."""
    # A difference that is cut does not show what differs.
    unittest.TestCase.maxDiff = None
    mergewright_report.watch_conditions()
    original = unittest.suite.BaseTestSuite.__call__
    withheld = _withhold_ours()
    reach = mergewright_reach.Reach(order["tree"], unittest) if order["records"] else None
    process = os.getpid()
    depth = [0]

    def call(self, *args, **named):
        if depth[0] or os.getpid() != process:
            return original(self, *args, **named)
        result = args[0] if args else named["result"]
        chosen = _choose(self, order)
        report.add("session")
        report.add("collected", ids=[get_id(test) for test in _cases(chosen)])
        facts = _find_around(self, order["tree"])
        facts["conditions"] = dict(_list_conditions(chosen))
        report.add("suite", **facts)
        recorder = Recorder(order, report, reach)
        recorder.watch(result)
        for watched in (self, chosen, result):
            if getattr(watched, "failfast", False):
                watched.failfast = False
        depth[0] += 1
        try:
            outcome = original(_serial(chosen, reach is None), *args, **named)
            if reach is not None:
                reach.write(report)
            stopped = bool(getattr(result, "shouldStop", False))
            result.shouldStop = False
            counted = result.testsRun
            uncounted = _run_own_tests(order, result, withheld)
            result.testsRun = counted
            result.shouldStop = stopped
        finally:
            depth[0] -= 1
        failed = uncounted + sum(len(ours) for _, ours in (withheld[-1] if withheld else ()))
        failed += sum(
            len(getattr(result, name, ())) for name in ("failures", "errors", "unexpectedSuccesses")
        )
        late = recorder.is_late
        said = "the suite was told to stop" if stopped and not late else ""
        replaced = mergewright_report.list_replaced(order, facts["files"])
        report.add("finish", failed=failed, stopped=said, late=late, replaced=replaced)
        return outcome

    unittest.suite.BaseTestSuite.__call__ = call


def main():
    order, report = mergewright_entry.begin()
    whole_path = list(sys.path)
    sys.path[:] = mergewright_report.own_tools_only(order["tree"])
    # Modules that a file of the same name in the script's folder must not replace.
    import unittest.case
    import unittest.result
    import unittest.runner  # noqa: F401

    install(order, report)
    if order["from_models"]:
        mergewright_report.make_tables_from_models()
    script = os.path.abspath(sys.argv[1])
    sys.argv[:] = sys.argv[1:]
    sys.path[:] = [os.path.dirname(script), *whole_path]
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        report.add("exit", code=code & 0xFF)
        raise
    except Exception:
        report.add("exit", code=1)
        raise
    report.add("exit", code=code)


if __name__ == "__main__":
    main()
