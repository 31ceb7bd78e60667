"""Report every test of a pytest run, and add a test of ours that must fail.

A plugin for pytest 6.2 and later. With pytest-xdist it also runs in the workers, and the controller
writes the report. Our test shows that failures are detected; it is not printed, and not counted.

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

# unittest shortens long diffs, perhaps without the line that differs.
unittest.TestCase.maxDiff = None

_OWN_FILE = mergewright_report.SENTINEL + ".py"
_SUBTESTS = ("SubTestReport", "SubtestReport")
_request = _report = _log = _config = _patience = None
#: Facts about tests whose last phase has not ended, by node id.
_unfinished: dict = {}


def begin(request, report):
    """Set request and report; called before pytest starts, in the process that reports."""
    global _request, _report, _log
    _request, _report, _log = request, report, mergewright_report.TestLog(request, report)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Report that a run begins; in a worker, read the request that the controller sends."""
    global _request, _config, _patience  # noqa: PLW0603 - a plugin is a module
    _config = config
    if hasattr(config, "workerinput"):
        _request = config.workerinput["mergewright"]
    else:
        _report.add("session")
    _patience = mergewright_report.Patience(_request["longest"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["mergewright"] = _request


# --- ids and files ---------------------------------------------------------------------------


@functools.lru_cache
def _locate_root():
    """Return pytest's root, and the path to it in the project's folder, with which ids begin."""
    root = str(_config.rootpath)
    return root, mergewright_report.relative_path(root + "/", _request["folder"])


def _get_id(nodeid):
    """Return the id of a test, relative to the project's folder."""
    path, mark, name = nodeid.partition("::")
    start = _locate_root()[1]
    path = os.path.normpath(start + path) if start else path
    return mergewright_report.shorten_id(path + mark + name)


def _find_file(nodeid):
    path = os.path.join(_locate_root()[0], nodeid.partition("::")[0])
    return mergewright_report.relative_path(os.path.normpath(path), _request["tree"])


def _is_own(nodeid):
    return nodeid.startswith(_OWN_FILE + "::")


def _place(node):
    return getattr(node, "path", None) or node.fspath


# --- collection ------------------------------------------------------------------------------


@functools.lru_cache
def _list_wanted_files():
    """Return all files that have selected tests."""
    root, start = _locate_root()
    top, only = _request["folder"] if start else root, _request["only"]
    more = (os.path.join(top, test_id.partition("::")[0]) for test_id in only["ids"])
    return frozenset([*only["files"], *more])


def _is_wanted(item):
    only = _request["only"]
    return str(_place(item)) in only["files"] or _get_id(item.nodeid) in only["ids"]


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector):
    """If tests are selected, skip the import of files without any of them."""
    # In older versions of pytest a Package is a File.
    is_file = isinstance(collector, pytest.File) and not isinstance(collector, pytest.Package)
    if _request["only"] and is_file and str(_place(collector)) not in _list_wanted_files():
        from _pytest.reports import CollectReport

        return CollectReport(collector.nodeid, "passed", None, [])
    return None


def _fail():
    raise AssertionError("This test fails on purpose, to show that failures are detected.")


class _OwnModule(pytest.Module):
    """A test module without a file."""

    def _getobj(self):
        return types.ModuleType(mergewright_report.SENTINEL)


def _make_sentinel(session, items):
    """Make our test, with an existing path; it uses no fixtures, since these may be broken."""
    from _pytest.fixtures import FuncFixtureInfo

    where = {"path" if hasattr(session, "path") else "fspath": _place((items or [session])[0])}
    module = _OwnModule.from_parent(session, nodeid=_OWN_FILE, **where)
    info = FuncFixtureInfo((), (), [], {})
    return pytest.Function.from_parent(
        module, name="test_must_fail", callobj=_fail, fixtureinfo=info
    )


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_collection_modifyitems(session, items):
    """Add our test after all plugins have selected and sorted tests; sort by selected files."""
    yield
    if _request["only"]:
        wanted = [item for item in items if _is_wanted(item)]
        left_out = [item for item in items if not _is_wanted(item)]
        if left_out:
            session.config.hook.pytest_deselected(items=left_out)
        order = {path: number for number, path in enumerate(_request["only"]["files"])}
        items[:] = sorted(wanted, key=lambda item: order.get(str(_place(item)), -1))
    items.append(_make_sentinel(session, items))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    """Report which tests are to run, unless workers collect them."""
    if _report is not None:
        _add_collected([item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids):
    _add_collected(ids)


def _add_collected(nodeids):
    nodeids = [nodeid for nodeid in nodeids if not _is_own(nodeid)]
    files = [_find_file(nodeid) for nodeid in nodeids]
    _report.add("collected", ids=[_get_id(nodeid) for nodeid in nodeids], files=files)


def pytest_collectreport(report):
    """Report a file that could not be collected, since its tests are not reported."""
    if not report.failed or _report is None:
        return
    lines = report.longreprtext.splitlines()
    errors = [line[1:] for line in lines if line.startswith("E ")] or lines[-15:]
    facts = {
        "id": _get_id(report.nodeid) + mergewright_report.COLLECTION,
        "outcome": "error",
        "file": _find_file(report.nodeid),
        "text": mergewright_report.cut(textwrap.dedent("\n".join(errors))),
    }
    _end_test(facts)


def _end_test(facts):
    """Write the line of a test; end the run if the log says so.

    pytest's own options, such as --maxfail, would also end the run at our test.
    """
    if why := _log.add(facts):
        _config.pluginmanager.getplugin("session").shouldfail = why
        if controller := _config.pluginmanager.getplugin("dsession"):
            controller.shouldstop = why


# --- running ---------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report):
    """Return no letter and no category for our test, so that it is not printed."""
    return ("", "", "") if _is_own(report.nodeid) else None


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtestloop(session):
    """Leave our test out of the percentages."""
    session.testscollected -= any(_is_own(item.nodeid) for item in getattr(session, "items", ()))
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Run our own test once, without printing, even if a plugin repeats failed tests."""
    if _is_own(item.nodeid):
        from _pytest.runner import runtestprotocol

        runtestprotocol(item, nextitem=nextitem)
        return True
    if not mergewright_report.is_late(_request):
        return None
    # The test is left out; only fixtures of earlier tests are torn down. Failures in that are
    # ignored: those tests are reported. Older versions take other arguments, and do it later.
    with contextlib.suppress(Exception, pytest.fail.Exception, pytest.skip.Exception):
        item.session._setupstate.teardown_exact(nextitem)
    return True


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_setup():
    _patience.begin()
    yield
    _patience.end()


pytest_runtest_call = pytest_runtest_teardown = pytest_runtest_setup


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item):
    """Add the digest of its text to the report of a doctest in a Python file."""
    result = yield
    doctest = getattr(item, "dtest", None)
    if doctest is not None and str(_place(item)).endswith(".py"):
        text = repr([(example.source, example.want) for example in doctest.examples])
        result.get_result().digest_of_doctest = hashlib.sha256(text.encode()).hexdigest()


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """Join the phases of a test; write its line when the last phase has ended."""
    is_own = _is_own(report.nodeid)
    if is_own and report.failed:
        _config.pluginmanager.getplugin("session").testsfailed -= 1
    if _report is None:
        return
    if report.outcome == "rerun":
        _unfinished.pop(report.nodeid, None)  # this attempt has no further phases
        return
    facts = _unfinished.setdefault(report.nodeid, {"outcome": "unrun"})
    _join_phase(facts, report)
    # "???" is the phase in the report that pytest-xdist makes for a test whose worker crashed.
    if report.when in ("teardown", "???"):
        del _unfinished[report.nodeid]
        facts["id"] = mergewright_report.SENTINEL if is_own else _get_id(report.nodeid)
        facts["digest"] = getattr(report, "digest_of_doctest", "")
        _end_test(facts)


def _join_phase(facts, report):
    marked, is_red = hasattr(report, "wasxfail"), facts["outcome"] in ("failed", "error")
    if report.failed:
        _join_failure(facts, report)
    elif is_red or type(report).__name__ in _SUBTESTS:
        return
    elif report.skipped:
        facts["outcome"] = "xfailed" if marked else "skipped"
        place = report.longrepr
        reason = place[2] if isinstance(place, tuple) and len(place) == 3 else ""
        facts["text"] = mergewright_report.cut(str(report.wasxfail if marked else reason))
    elif report.when == "call" and facts["outcome"] == "unrun":
        facts["outcome"] = "xpassed" if marked else "passed"


def _join_failure(facts, report):
    if facts["outcome"] != "failed":
        facts["outcome"] = "failed" if report.when == "call" else "error"
    crash = getattr(report.longrepr, "reprcrash", None)
    text = getattr(crash, "message", "") or "\n".join(report.longreprtext.splitlines()[-15:])
    facts.setdefault("text", mergewright_report.cut(text))
    facts.setdefault("place", _find_place(report.longrepr, crash))


def _find_place(longrepr, crash):
    """Return `path:line` of the last entry of a traceback that is in the tree; "": none is."""
    entries = getattr(getattr(longrepr, "reprtraceback", None), "reprentries", ())
    files = [getattr(entry, "reprfileloc", None) for entry in entries]
    start = str(_config.invocation_params.dir)
    for entry in filter(None, (crash, *reversed(files))):
        path = os.path.normpath(os.path.join(start, str(entry.path)))
        if place := mergewright_report.name_place(path, entry.lineno, _request["tree"]):
            return place
    return ""


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    """Report that the session ran to its end."""
    yield
    if _report is not None:
        stopped = str(session.shouldstop or session.shouldfail or "")
        _report.add("finish", stopped=stopped, late=mergewright_report.is_late(_request))
