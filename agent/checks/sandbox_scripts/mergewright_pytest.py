"""Report every test of a pytest run, with one of ours that must fail.

A plugin for pytest 6 and later, also in the workers of pytest-xdist, whose controller reports. Our
test shows that failures are seen; it is not printed, and counts for nothing.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import textwrap
import types
import unittest

import mergewright_report
import pytest

# A difference that is cut does not show what differs.
unittest.TestCase.maxDiff = None

# Bound now: a test may replace it.
_now = mergewright_report.now
_IS_OLD = int(pytest.__version__.split(".")[0]) < 7
_SENTINEL = "mergewright_sentinel"
_SUBTESTS = ("SubTestReport", "SubtestReport")
_request = _report = _first = _session = _patience = None
_attempts = {}
#: Test modules and plugins of the tree, and digests of doctests in other modules.
_files, _doctests = set(), {}


def begin(request, report):
    """Take the request; called before pytest starts, in the process that reports."""
    global _request, _report, _first
    _request, _report, _first = request, report, mergewright_report.FirstTests(request)
    if _request["last_start"] is not None:
        # The workers of pytest-xdist have the same clock.
        _request["last_start"] += mergewright_report.BEGUN


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Say that a run begins; in a worker, take the request from its controller."""
    global _request  # noqa: PLW0603 - a plugin is a module
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        _request = workerinput["mergewright"]
    else:
        _report.add("session")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    global _session  # noqa: PLW0603 - a plugin is a module
    _session = session


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    _be_quiet(node.config)
    node.workerinput["mergewright"] = _request


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    files, doctests = getattr(node, "workeroutput", {}).get("mergewright", ((), {}))
    _files.update(files)
    _doctests.update(doctests)


# --- collection ------------------------------------------------------------------------------


def _is_passed_over(path, config):
    """Whether a file cannot contain what was asked for, where only some tests were."""
    # Older pytests find a package by its __init__.py.
    if os.path.isdir(path) or os.path.basename(path) == "__init__.py":
        return None
    wanted = _wanted_files(_root(config))
    return None if wanted is None or path in wanted else True


def _root(config):
    return str(getattr(config, "rootpath", None) or config.rootdir)


@functools.lru_cache
def _wanted_files(root):
    only = _request.get("only")
    if only is None:
        return None
    files = {os.path.join(root, test_id.partition("::")[0]) for test_id in only["ids"]}
    return frozenset(files.union(only["files"]))


if _IS_OLD:

    def pytest_ignore_collect(path, config):
        return _is_passed_over(str(path), config)

else:

    def pytest_ignore_collect(collection_path, config):
        return _is_passed_over(str(collection_path), config)


def _fail():
    raise AssertionError("This test fails on purpose, to show that failures are detected.")


class _OwnModule(pytest.Module):
    """A test module that is not in a file."""

    def _getobj(self):
        module = types.ModuleType(_SENTINEL)
        module.test_must_fail = _fail
        return module


def _make_sentinel(session, items):
    """Make our test, in a folder that is there; it uses no fixtures, which could be broken."""
    from _pytest.fixtures import FuncFixtureInfo

    place = _place(items[0]) if items else getattr(session, "path", None) or session.fspath
    where = {"path" if hasattr(session, "path") else "fspath": place}
    module = _OwnModule.from_parent(session, nodeid=_SENTINEL + ".py", **where)
    info = FuncFixtureInfo((), (), [], {})
    return pytest.Function.from_parent(
        module, name="test_must_fail", callobj=_fail, fixtureinfo=info
    )


def _place(node):
    return getattr(node, "path", None) or node.fspath


def _is_own(nodeid):
    return nodeid.startswith(_SENTINEL + ".py::")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_collection_modifyitems(session, items):
    """Add our test once everybody else has chosen and sorted theirs; the change's come first."""
    _note_files(session.config, items)
    yield
    if _request.get("only") is not None:
        wanted = [item for item in items if _is_wanted(item)]
        left_out = [item for item in items if not _is_wanted(item)]
        if left_out:
            session.config.hook.pytest_deselected(items=left_out)
        order = {path: number for number, path in enumerate(_request["only"]["files"])}
        items[:] = sorted(wanted, key=lambda item: order.get(str(_place(item)), -1))
    items.append(_make_sentinel(session, items))


def _note_files(config, items):
    for item in items:
        path, examples = str(_place(item)), getattr(getattr(item, "dtest", None), "examples", None)
        # The text of a module is no test module.
        if examples is not None and path.endswith(".py"):
            text = repr([(example.source, example.want) for example in examples])
            _doctests[_get_id(item)] = hashlib.sha256(text.encode()).hexdigest()
        else:
            _files.add(mergewright_report.relative_path(path, _request["tree"]))
    for plugin in config.pluginmanager.get_plugins():
        path = getattr(plugin, "__file__", None)
        _files.add(mergewright_report.relative_path(path, _request["tree"]))
    _files.discard("")


def _get_id(node):
    """Return the id of a test or of its report as both sides know it."""
    return mergewright_report.shorten_id(node.nodeid)


def _is_wanted(item):
    return _get_id(item) in _wanted_ids() or str(_place(item)) in _request["only"]["files"]


@functools.lru_cache
def _wanted_ids():
    return frozenset(_request["only"]["ids"])


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    """Say which tests are going to run, unless workers do."""
    if _report is not None:
        _add_collected([item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids):
    _add_collected(ids)


def _add_collected(ids):
    _report.add(
        "collected",
        ids=[mergewright_report.shorten_id(nodeid) for nodeid in ids],
        files=[_find_file(nodeid) for nodeid in ids],
    )


def _find_file(nodeid):
    path = os.path.normpath(os.path.join(_root(_session.config), nodeid.partition("::")[0]))
    return mergewright_report.relative_path(path, _request["tree"])


def pytest_collectreport(report):
    """Report what could not be collected, and so hides its tests."""
    if not report.failed or _report is None:
        return
    text = getattr(report.longrepr, "longrepr", None) or str(report.longrepr)
    lines = text.splitlines()
    said = [line[1:] for line in lines if line.startswith("E ")] or lines[-15:]
    facts = {"text": mergewright_report.cut(textwrap.dedent("\n".join(said)))}
    mergewright_report.add_details(facts, text)
    file = _find_file(report.nodeid)
    _report.add("test", kind="module", id=_get_id(report), outcome="error", file=file, **facts)
    _stop_at_failure(_get_id(report) + " (collection)")


def _stop_at_failure(item_id):
    """End the run after a failure that says enough, where one does.

    Not by pytest's own option: it would end the run at our test, too.
    """
    if _request["known_red"] is not None and item_id not in _request["known_red"]:
        _stop("a test failed")


def _stop(why):
    _session.shouldfail = why
    if controller := _session.config.pluginmanager.getplugin("dsession"):
        controller.shouldstop = _session.shouldfail


# --- running ---------------------------------------------------------------------------------


class _QuietReporter:
    """Keeps our test out of what is printed."""

    @staticmethod
    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(report):
        """Give our test neither letter nor category."""
        return ("", "", "") if _is_own(report.nodeid) else None


def _be_quiet(config):
    """Only from when our test is near: the hook would be called three times for each test."""
    if not config.pluginmanager.hasplugin("mergewright_quiet"):
        config.pluginmanager.register(_QuietReporter(), "mergewright_quiet")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtestloop(session):
    """Keep our test out of the percentages as well."""
    ours = sum(_is_own(item.nodeid) for item in getattr(session, "items", ()))
    session.testscollected -= ours
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Run our own test once, also where a plugin repeats failed ones, without a line."""
    if not _is_own(item.nodeid):
        return _pass_over(item, nextitem) if _is_late() else None
    from _pytest.runner import runtestprotocol

    _be_quiet(item.config)
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_setup():
    yield from _be_patient()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_call():
    yield from _be_patient()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_teardown():
    yield from _be_patient()


def _be_patient():
    global _patience  # noqa: PLW0603 - a plugin is a module
    _patience = _patience or mergewright_report.Patience(_request["longest"])
    _patience.begin()
    yield
    _patience.end()


def _is_late():
    return _request["last_start"] is not None and _now() > _request["last_start"]


def _pass_over(item, nextitem):
    """Leave out a test for which there is no time; what is set up for those before it ends."""
    arguments = (item, nextitem) if _IS_OLD else (nextitem,)
    # Failures here belong to tests that have their outcome already.
    with contextlib.suppress(Exception, pytest.fail.Exception, pytest.skip.Exception):
        item.session._setupstate.teardown_exact(*arguments)
    return True


class _Attempt:
    """What is known of one test until its last phase is over."""

    def __init__(self):
        self.facts = {"outcome": "unrun"}
        self.details = ""

    def take(self, report):
        marked = hasattr(report, "wasxfail")
        if report.failed:
            self._fail(report)
        elif type(report).__name__ in _SUBTESTS:
            return
        elif report.skipped:
            self.facts["outcome"] = "xfailed" if marked else "skipped"
            said = report.longrepr
            reason = said[2] if isinstance(said, tuple) and len(said) == 3 else ""
            self.facts["text"] = mergewright_report.cut(str(report.wasxfail if marked else reason))
        elif report.when == "call" and self.facts["outcome"] == "unrun":
            self.facts["outcome"] = "xpassed" if marked else "passed"

    def _fail(self, report):
        if self.facts["outcome"] != "failed":
            self.facts["outcome"] = "failed" if report.when == "call" else "error"
        trace = str(getattr(report, "longreprtext", "") or report.longrepr)
        captured = ("----- %s -----\n%s" % section for section in report.sections)
        self.details = self.details or "\n".join((trace, *captured))
        crash = getattr(report.longrepr, "reprcrash", None)
        text = getattr(crash, "message", "") or "\n".join(trace.splitlines()[-15:])
        self.facts.setdefault("text", mergewright_report.cut(text))
        self.facts.setdefault("place", _find_place(report.longrepr, crash))


def _find_place(longrepr, crash):
    """Name `path:line` of the last entry of a traceback that is in the tree."""
    entries = getattr(getattr(longrepr, "reprtraceback", None), "reprentries", ())
    files = [getattr(entry, "reprfileloc", None) for entry in entries]
    start = str(getattr(_session.config, "invocation_dir", "") or os.getcwd())
    for each in (crash, *reversed(files)):
        path = os.path.normpath(os.path.join(start, str(getattr(each, "path", ""))))
        name = mergewright_report.relative_path(path, _request["tree"])
        if name and "site-packages/" not in name:
            return "%s:%d" % (name, each.lineno)
    return ""


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """Join the phases of a test; write its line when the last one is over."""
    if _is_own(report.nodeid) and report.failed:
        _session.testsfailed -= 1
    if _report is None:
        return
    if report.outcome == "rerun":
        _attempts.pop(report.nodeid, None)  # no further phase of this attempt is reported
        return
    attempt = _attempts.get(report.nodeid)
    if attempt is None:
        if report.when == "setup" and report.outcome == "passed":
            return  # a call follows, or its absence shows in the teardown's line
        attempt = _attempts[report.nodeid] = _Attempt()
    attempt.take(report)
    # "???" is the phase of a report in place of a worker that crashed.
    if report.when not in ("teardown", "???"):
        return
    del _attempts[report.nodeid]
    facts = {name: value for name, value in attempt.facts.items() if value}
    if attempt.details and not _is_own(report.nodeid):
        mergewright_report.add_details(facts, attempt.details)
    _report.add("test", id=_get_id(report), **facts)
    if _is_own(report.nodeid):
        return
    if facts["outcome"] in ("failed", "error"):
        _stop_at_failure(_get_id(report))
    if _first.are_poor(facts["outcome"]):
        _stop("at least half of the first tests fail")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    """Say that the session came to its end, and what belongs to its tests."""
    yield
    if _report is None:
        session.config.workeroutput["mergewright"] = sorted(_files), _doctests
        return
    stopped = str(session.shouldstop or session.shouldfail or "")
    _report.add(
        "finish", stopped=stopped, late=_is_late(), files=sorted(_files), doctests=_doctests
    )
