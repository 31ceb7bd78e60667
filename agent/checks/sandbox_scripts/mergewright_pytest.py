"""Record every test of a pytest run, with one that must pass and one that must fail.

A plugin for pytest 6 and later, also in the workers of pytest-xdist. What a test did is read
from the exception its call left, before reports are made of it; what pytest counted is read from
its final reports. Where the two disagree, somebody changed a verdict, and the line says so.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import _imp
import contextlib
import functools
import hashlib
import os
import sys
import textwrap
import types
import unittest

import _pytest
import mergewright_reach
import mergewright_report
import pytest

# A worker of pytest-xdist is started without the flag by which compiled code is compared with its
# source; see `agent/checks/check.py`.
_imp.check_hash_based_pycs = "always"

# A difference that is cut does not show what differs.
unittest.TestCase.maxDiff = None
mergewright_report.watch_conditions()

# Bound now: a test may replace it.
_now = mergewright_report.now
_order = None
_report = None
_first = None
_facts = None
_session = None
_patience = None
_reach = None
_uncounted = 0
_attempts = {}
#: What workers of pytest-xdist have left: what is replaced in them, and exit codes of their own.
_replaced, _codes = set(), set()
_SUBTESTS = ("SubTestReport", "SubtestReport")
MUST_FAIL = "This test fails on purpose, to show that failures are detected."


def begin(order, report):
    """Take the order; called before pytest starts, in the process that reports."""
    global _order, _report, _first, _reach  # noqa: PLW0603 - a plugin is a module
    _order, _report, _first = order, report, mergewright_report.FirstTests(order)
    _reach = mergewright_reach.Reach(order["tree"], _pytest) if order["records"] else None
    if _order["last_start"] is not None:
        # The workers of pytest-xdist have the same clock.
        _order["last_start"] += mergewright_report.BEGUN


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Say that a run begins; in a worker, take the order from its controller."""
    global _order  # noqa: PLW0603 - a plugin is a module
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        _order = workerinput["mergewright"]
        config.pluginmanager.register(_XdistNotes(), "mergewright_notes")
    else:
        _report.add("session")
    if _reach is not None:
        config.pluginmanager.register(_SharedFixtures(), "mergewright_fixtures")
    if _order["from_models"]:
        mergewright_report.make_tables_from_models()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    global _session  # noqa: PLW0603 - a plugin is a module
    _session = session


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Hand the names of the two tests to a worker; it gets no key and writes no report."""
    _be_quiet(node.config)
    node.workerinput["mergewright"] = {
        name: _order.get(name)
        for name in (
            "module",
            "must_pass",
            "must_fail",
            "tree",
            "only",
            "last_start",
            "longest",
            "from_models",
            "extra_packages",
            "own_files",
            "counts_own",
        )
    }


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
    only = _order.get("only")
    if only is None:
        return None
    files = {os.path.join(root, test_id.partition("::")[0]) for test_id in only["ids"]}
    return frozenset(files.union(only["files"]))


if int(pytest.__version__.split(".")[0]) >= 7:

    def pytest_ignore_collect(collection_path, config):
        return _is_passed_over(str(collection_path), config)

else:

    def pytest_ignore_collect(path, config):
        return _is_passed_over(str(path), config)


class _OwnModule(pytest.Module):
    """A test module that is not in a file."""

    def _getobj(self):
        def passes():
            """Pass."""

        def fails():
            raise AssertionError(MUST_FAIL)

        module = types.ModuleType(_order["module"])
        setattr(module, _order["must_pass"], passes)
        setattr(module, _order["must_fail"], fails)
        return module


def _own_items(session, items):
    """Make the two tests; the failing one once for each conftest.py that has a say.

    They use no fixtures, so that a broken one does not hide the proof. They belong to files that
    exist, since pytest asks the conftest.py files around a test's file.
    """
    places = {}
    for item in items:
        place = _place(item)
        places.setdefault(_ruler(os.path.dirname(str(place))), place)
    if not places:
        places[""] = getattr(session, "path", None) or session.fspath
    yield _own_item(session, next(iter(places.values())), _order["must_pass"], "")
    for number, place in enumerate(places.values()):
        yield _own_item(session, place, _order["must_fail"], "[%d]" % number)


def _place(node):
    return getattr(node, "path", None) or node.fspath


_rulers = {}


def _ruler(folder):
    """Return the nearest folder upwards with a conftest.py."""
    if folder not in _rulers:
        above = os.path.dirname(folder)
        if above == folder or os.path.exists(os.path.join(folder, "conftest.py")):
            _rulers[folder] = folder
        else:
            _rulers[folder] = _ruler(above)
    return _rulers[folder]


def _own_item(session, place, name, suffix):
    from _pytest.fixtures import FuncFixtureInfo

    where = {"path" if hasattr(session, "path") else "fspath": place}
    module = _OwnModule.from_parent(session, nodeid=_order["module"] + ".py", **where)
    info = FuncFixtureInfo((), (), [], {})
    return pytest.Function.from_parent(
        module, name=name + suffix, callobj=getattr(module.obj, name), fixtureinfo=info
    )


def _is_own(nodeid):
    return nodeid.startswith(_order["module"] + ".py::")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_collection_modifyitems(session, items):
    """Add the two tests once everybody else has chosen and sorted theirs."""
    _find_around(session.config, items)
    yield
    if _order.get("only") is not None:
        wanted = [item for item in items if _is_wanted(item)]
        left_out = [item for item in items if not _is_wanted(item)]
        if left_out:
            session.config.hook.pytest_deselected(items=left_out)
        items[:] = wanted
    items.extend(list(_own_items(session, items)))


def _find_around(config, items):
    """Note what belongs to the tests; a worker of pytest-xdist tells its controller."""
    facts = _facts_so_far()
    manager, tree = config.pluginmanager, _order["tree"]
    for item in items:
        path, examples = str(_place(item)), getattr(getattr(item, "dtest", None), "examples", None)
        place = mergewright_report.relative_path(path, tree)
        conditions = _list_conditions(item)
        if conditions:
            facts["conditions"][_get_id(item)] = mergewright_report.cut("; ".join(conditions))
        # The text of a module is no test module.
        is_product = examples is not None and path.endswith(".py")
        facts["product" if is_product else "files"].add(place)
        if is_product:
            text = repr([(example.source, example.want) for example in examples])
            facts["doctests"][_get_id(item)] = hashlib.sha256(text.encode()).hexdigest()
    for plugin in manager.get_plugins():
        facts["files"].add(
            mergewright_report.relative_path(getattr(plugin, "__file__", None), tree)
        )
    for plugin, package in manager.list_plugin_distinfo():
        if package.project_name in _order["extra_packages"]:
            continue
        facts["plugins"][manager.get_name(plugin)] = "%s==%s" % (
            package.project_name, package.version,
        )  # fmt: skip
    facts["settings"].update(mergewright_report.django_settings(), pytest=pytest.__version__)


def _list_conditions(item):
    """List under which conditions a test is skipped or may fail, met here or not."""
    found = [
        "%s: %s" % (mark.name, mark.kwargs.get("reason") or "no reason")
        for mark in item.iter_markers()
        if mark.name in ("skip", "skipif", "xfail")
    ]
    for owner in (getattr(item, "cls", None), getattr(item, "obj", None)):
        found.extend(mergewright_report.list_conditions(owner))
    return found


def _facts_so_far():
    global _facts  # noqa: PLW0603 - a plugin is a module
    if _facts is None:
        _facts = {
            "files": set(), "product": set(), "conditions": {}, "doctests": {}, "plugins": {},
            "settings": {},
        }  # fmt: skip
    return _facts


def _join_facts(facts):
    own = _facts_so_far()
    for name, found in facts.items():
        own[name].update(found)


def _list_facts():
    facts = _facts_so_far()
    files = facts["files"] - {""}
    product = facts["product"] - files - {""}
    return dict(facts, files=sorted(files), product=sorted(product))


def _list_replaced():
    """Say what files of the change's tests have put into the product, or into pytest itself."""
    manager, hooking = _session.config.pluginmanager, set()
    for plugin in manager.get_plugins():
        module = sys.modules.get(getattr(plugin, "__module__", ""), plugin)
        path = mergewright_report.relative_path(getattr(module, "__file__", None), _order["tree"])
        # Every change of a conftest.py is named.
        if path in _order["own_files"] and os.path.basename(path) != "conftest.py":
            if manager.get_hookcallers(plugin):
                hooking.add("%s has hooks of pytest" % path)
    return [*mergewright_report.list_replaced(_order, _facts_so_far()["files"]), *sorted(hooking)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    facts, replaced, code = getattr(node, "workeroutput", {}).get("mergewright", ({}, (), 0))
    _join_facts(facts)
    _replaced.update(replaced)
    _codes.add(code)


def _get_id(node):
    """Return the id of a test or of its report as both sides know it."""
    return mergewright_report.shorten_id(node.nodeid)


def _is_wanted(item):
    return _get_id(item) in _wanted_ids() or str(_place(item)) in _order["only"]["files"]


@functools.lru_cache
def _wanted_ids():
    return frozenset(_order["only"]["ids"])


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    """Say which tests are going to run, and what belongs to them, unless workers do."""
    if _report is not None:
        _report.add("collected", ids=[_get_id(item) for item in session.items])
        if _facts is not None:
            _report.add("suite", **_list_facts())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids):
    _report.add("collected", ids=[mergewright_report.shorten_id(one) for one in ids])


def pytest_collectreport(report):
    """Record what could not be collected, and so hides its tests."""
    if not report.failed:
        return
    if _session is not None:
        path = os.path.join(_root(_session.config), report.nodeid.partition("::")[0])
        _facts_so_far()["files"].add(mergewright_report.relative_path(path, _order["tree"]))
    if _report is None:
        return
    text = getattr(report.longrepr, "longrepr", None) or str(report.longrepr)
    lines = text.splitlines()
    said = [line[1:] for line in lines if line.startswith("E ")] or lines[-15:]
    facts = {"text": mergewright_report.cut(textwrap.dedent("\n".join(said)))}
    mergewright_report.add_details(facts, text)
    _report.add("test", kind="module", id=_get_id(report), outcome="error", **facts)
    _stop_at_failure(_get_id(report) + " (collection)")


def _stop_at_failure(item_id):
    """End the run after a failure that says enough, where one does; ours are not asked then.

    Not by pytest's own option: it would end the run at the first of our tests that must fail.
    """
    if _order["may_fail"] is not None and item_id not in _order["may_fail"]:
        _stop("a test failed")


def _stop(why):
    _session.shouldfail = why
    if controller := _session.config.pluginmanager.getplugin("dsession"):
        controller.shouldstop = _session.shouldfail


# --- running ---------------------------------------------------------------------------------


class _QuietReporter:
    """Keeps our tests out of what is printed; they still count for the exit code."""

    @staticmethod
    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(report):
        """Give our tests neither letter nor category."""
        return ("", "", "") if _is_own(report.nodeid) else None


def _be_quiet(config):
    """Only from when our tests are near: the hook would be called three times for each test."""
    if not config.pluginmanager.hasplugin("mergewright_quiet"):
        config.pluginmanager.register(_QuietReporter(), "mergewright_quiet")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtestloop(session):
    """Keep our tests out of the percentages as well."""
    ours = sum(_is_own(item.nodeid) for item in getattr(session, "items", ()))
    session.testscollected -= ours
    yield
    # That there are no others is judged by us.
    session.testscollected += ours


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Run our own tests once, also where a plugin repeats failed ones, without a line."""
    if not _is_own(item.nodeid):
        if _reach is not None:
            _reach.begin(_get_id(item), str(_place(item)))
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
    _patience = _patience or mergewright_report.Patience(_order["longest"])
    _patience.begin()
    yield
    _patience.end()


class _SharedFixtures:
    """Has what sets up several tests noted for all of them."""

    @staticmethod
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(fixturedef):
        before = _reach.share(fixturedef.scope)
        yield
        _reach.switch(before)


def _is_late():
    return _order["last_start"] is not None and _now() > _order["last_start"]


def _pass_over(item, nextitem):
    """Leave out a test for which there is no time; what is set up for those before it ends."""
    given = (nextitem,) if int(pytest.__version__.split(".")[0]) >= 7 else (item, nextitem)
    # Failures here belong to tests that have their outcome already.
    with contextlib.suppress(Exception, pytest.fail.Exception, pytest.skip.Exception):
        item.session._setupstate.teardown_exact(*given)
    return True


def pytest_runtest_makereport(item, call):
    """Note what a phase really did, before a report is made of it."""
    _notes[item.nodeid, call.when] = _describe_call(call) if call.excinfo else _ENDED


class _XdistNotes:
    """Sends the notes along with the reports, in a worker of pytest-xdist."""

    @staticmethod
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        """Hang the note on the report."""
        outcome = yield
        outcome.get_result().mergewright = _notes.pop((item.nodeid, call.when), None)

    @staticmethod
    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(session, exitstatus):
        """Say what is left in this process; others may have given it another exit code by now."""
        code = 0 if session.exitstatus == exitstatus else int(session.exitstatus)
        left = _list_facts(), _list_replaced(), code
        session.config.workeroutput["mergewright"] = left


_notes = {}
_ENDED = {"did": "end"}


def _describe_call(call):
    raised = call.excinfo
    if isinstance(raised.value, (pytest.skip.Exception, unittest.SkipTest)):
        return {"did": "skip"}
    return {
        "did": "raise",
        "text": mergewright_report.cut(raised.exconly(tryshort=True)),
        "place": mergewright_report.find_last_place(raised.tb, _order["tree"]),
    }


class _Attempt:
    """What is known of one test until its last phase is over."""

    def __init__(self):
        self.outcome = "unrun"
        self.text = ""
        self.place = ""
        self.details = ""
        self.hidden = False

    def take(self, report, noted):
        marked = hasattr(report, "wasxfail")
        subtest = type(report).__name__ in _SUBTESTS
        if report.failed:
            self._fail(report, noted)
        elif not subtest:
            if noted.get("did") == "raise" and not marked:
                self.hidden = True
                self._fail(report, noted)
            elif report.when == "call" and report.passed and not noted:
                self.hidden = True
            elif report.skipped:
                self.outcome = "xfailed" if marked else "skipped"
                said = report.longrepr
                reason = said[2] if isinstance(said, tuple) and len(said) == 3 else ""
                self.text = mergewright_report.cut(str(report.wasxfail if marked else reason))
            elif report.when == "call" and self.outcome == "unrun":
                self.outcome = "xpassed" if marked else "passed"

    def _fail(self, report, noted):
        if self.outcome != "failed":
            self.outcome = "failed" if report.when == "call" else "error"
        trace = str(getattr(report, "longreprtext", "") or report.longrepr)
        last = mergewright_report.cut("\n".join(trace.splitlines()[-15:]))
        captured = ("----- %s -----\n%s" % section for section in report.sections)
        self.details = self.details or "\n".join((trace, *captured))
        self.text = self.text or noted.get("text") or last
        self.place = self.place or noted.get("place", "")


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """Join the phases of a test; write its line when the last one is over."""
    global _uncounted  # noqa: PLW0603 - a plugin is a module
    if _is_own(report.nodeid) and report.failed and not _order["counts_own"]:
        _session.testsfailed -= 1
        _uncounted += 1
    if _report is None:
        return
    noted = _notes.pop((report.nodeid, report.when), None) or vars(report).get("mergewright") or {}
    if report.outcome == "rerun":
        _attempts.pop(report.nodeid, None)  # no further phase of this attempt is reported
        return
    attempt = _attempts.get(report.nodeid)
    if attempt is None:
        if report.when == "setup" and report.outcome == "passed" and noted is _ENDED:
            return  # a call follows, or its absence shows in the teardown's line
        attempt = _attempts[report.nodeid] = _Attempt()
    attempt.take(report, noted)
    # "???" is the phase of a report in place of a worker that crashed.
    if report.when not in ("teardown", "???"):
        return
    del _attempts[report.nodeid]
    known = (("text", attempt.text), ("place", attempt.place), ("hidden", attempt.hidden))
    more = {name: value for name, value in known if value}
    if attempt.details and not _is_own(report.nodeid):
        mergewright_report.add_details(more, attempt.details)
    _report.add("test", id=_get_id(report), outcome=attempt.outcome, **more)
    if _is_own(report.nodeid):
        return
    if attempt.outcome in ("failed", "error"):
        _stop_at_failure(_get_id(report))
    if _first.are_poor(attempt.outcome):
        _stop("at least half of the first tests fail")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    """Say that the session came to its end, and what pytest itself counted."""
    yield
    if _report is not None:
        if not _order["counts_own"]:
            # In one process it would be that of the whole run.
            session.exitstatus = session.exitstatus or max(_codes, default=0)
        if not getattr(session, "items", None):
            _report.add("suite", **_list_facts())  # as workers have reported
        if _reach is not None:
            _reach.write(_report)
        _report.add(
            "finish",
            failed=session.testsfailed + _uncounted,
            stopped=str(session.shouldstop or session.shouldfail or ""),
            late=_is_late(),
            replaced=sorted(_replaced.union(_list_replaced())),
        )
