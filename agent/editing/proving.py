"""Show that acceptance tests fail where they have to.

That is without the change or, where behaviour stays, with what they hold broken on purpose. Owns
which outcome proves what. A test that could not even be imported counts only where it lacks
what the plan adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent import worktree
from agent.checks import measuring, reports, running
from agent.checks.again import is_proved
from agent.checks.check import TESTS, Selection, Site, granted
from agent.checks.sealed import Secret
from agent.checks.suite import COLLECTION
from agent.domain import (
    AcceptanceTest,
    Change,
    ChangedFile,
    CheckItem,
    CheckReport,
    CheckResult,
    Plan,
    Prepared,
    Proof,
    ProofRow,
)
from agent.editing import broken, trials
from agent.editing.minutes import SecondsLeft, bounded, unbounded
from agent.errors import EditFailed
from agent.policy.layout import is_test
from agent.services import Services

_FAILING = ("failed", "error")
#: The worst counts where a test has several cases.
_RANK = ("failed", "error", "skipped", "xfailed", "xpassed", "passed")
_GONE = "not collected"
_UNPROVED = "unproved"
_MOST_TEXT = 600
#: How Python says that something is not there: a module, or a name of one.
_LACKING = (
    re.compile(r"No module named '(?P<module>[\w.]+)'"),
    re.compile(
        r"cannot import name '\w+' from (?:partially initialized module )?'(?P<module>[\w.]+)'"
    ),
    re.compile(r"module '(?P<module>[\w.]+)' has no attribute '\w+'"),
)


def tests_alone(change: Change) -> Change:
    """Leave of a change what only tests use."""
    kept = tuple(file for file in change.files if is_test(file.path))
    return change.model_copy(update={"files": kept, "notes": ()})


def before_change(
    plan: Plan,
    tests: Change,
    prepared: Prepared,
    svc: Services,
    left: SecondsLeft = unbounded,
) -> Proof:
    """Show the tests red before any source is edited.

    Args:
        left: Tells what is left of the run's minutes.

    Raises:
        Refused: Nothing of them is left.
    """
    on_base = _run(tests, plan.tests, "tests on base", prepared, svc, left)
    rows = []
    for test, found in _with_broken(plan, tests, prepared, svc, left):
        if not test.breaks:
            outcome, text = _outcome(test, on_base)
            problem = _not_red(outcome, text, plan)
            rows.append(_row(test, outcome, "", problem))
            continue
        holds, _ = _outcome(test, on_base)
        outcome, text = _outcome(test, found)
        problem = _not_held(holds, outcome, text)
        rows.append(_row(test, outcome, holds, problem))
    return Proof(rows=tuple(rows))


def with_change(
    plan: Plan, change: Change, after: CheckReport, prepared: Prepared, svc: Services
) -> Proof:
    """Run the final tests once more on the code without the change; hold that against head."""
    if not plan.tests:
        return Proof(unneeded="the plan has no acceptance test, since it touches words alone")
    tests = tests_alone(change)
    on_base = _run(tests, plan.tests, "tests on base", prepared, svc)
    head = after.result(TESTS)
    rows = []
    for test, found in _with_broken(plan, change, prepared, svc):
        passed, _ = _outcome(test, head)
        outcome, text = _outcome(test, found if test.breaks else on_base)
        problem = _not_broken(outcome, text) if test.breaks else _not_red(outcome, text, plan)
        if passed != "passed":
            problem = f"was {passed} with the change"
        rows.append(_row(test, outcome, passed, problem))
    return Proof(rows=tuple(rows))


def _row(test: AcceptanceTest, without: str, held: str, problem: str) -> ProofRow:
    return ProofRow(
        name=test.name, without=without, with_change=held, breaks=test.breaks, problem=problem
    )


def remarks(tests: Change, prepared: Prepared, svc: Services) -> tuple[str, ...]:
    """Say what linters and formatters newly find in tests, which nobody may edit later on."""
    site = _site(tests, prepared, svc)
    base = reports.load(svc.run_folder(prepared.run), "base")
    return tuple(
        f"{result.name}: {item.place or item.item_id}: {item.text.strip()[:_MOST_TEXT]}"
        for result in measuring.linters(site, svc.sandbox, show=svc.say)
        for item in trials.new_items(result, base.result(result.name))
    )


# --- runs -----------------------------------------------------------------------------------------


def _run(
    change: Change,
    tests: Iterable[AcceptanceTest],
    name: str,
    prepared: Prepared,
    svc: Services,
    left: SecondsLeft = unbounded,
) -> CheckResult | None:
    """Run the files of acceptance tests on base with a change; None: there is nothing to run."""
    there = {file.path for file in change.files if file.after is not None}
    base = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run)).paths()
    files = sorted({_file(test) for test in tests} & ({*base} | there))
    if not files:
        return None
    site = _site(change, prepared, svc)
    site = site.within(bounded(site.limits.seconds, left))
    suite = measuring.suite_of(site)
    if suite is None:
        return None
    secret = Secret()
    order = suite.some_order(site, secret, Selection(files=tuple(files)))
    result = running.heard(order, name, secret, svc.sandbox, svc.say)
    return running.judged(suite, site, secret, order, result)


def _site(change: Change, prepared: Prepared, svc: Services) -> Site:
    """Lay base with a change out, in a folder of its own."""
    folder = svc.head_folder(prepared.run).with_name("proof")
    worktree.lay_out(prepared.checkout, folder, svc.stopped).replay(change)
    return Site(
        tree=folder,
        environment=svc.environment(prepared),
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=granted(svc.settings),
    )


def _with_broken(
    plan: Plan,
    change: Change,
    prepared: Prepared,
    svc: Services,
    left: SecondsLeft = unbounded,
) -> Iterator[tuple[AcceptanceTest, CheckResult | None]]:
    """Give each test, those which hold something with a run in which that is broken."""
    runs: dict[str, CheckResult | None] = {}
    for test in plan.tests:
        if not test.breaks:
            yield test, None
            continue
        if test.breaks not in runs:
            holding = [one for one in plan.tests if one.breaks == test.breaks]
            spoiled = _with_broken_target(change, test.breaks, prepared, svc)
            name = "tests on broken code"
            found = _run(spoiled, holding, name, prepared, svc, left) if spoiled else None
            runs[test.breaks] = found
        yield test, runs[test.breaks]


def _with_broken_target(
    change: Change, target: str, prepared: Prepared, svc: Services
) -> Change | None:
    """Break a function in the code with the change; None: it is not there any more."""
    path, _, name = target.partition("::")
    changed = {file.path: file for file in change.files}
    try:
        if path in changed:
            file = changed[path]
        else:
            tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
            content = tree.read(path)
            file = ChangedFile(path=path, before=content, after=content)
        spoiled = broken.without_body(file.after or b"", name)
    except (EditFailed, broken.NoSuchFunction, *broken.UNREADABLE):
        return None
    changed[path] = file.model_copy(update={"after": spoiled})
    return change.model_copy(update={"files": tuple(changed[one] for one in sorted(changed))})


# --- outcomes -------------------------------------------------------------------------------------


def _outcome(test: AcceptanceTest, result: CheckResult | None) -> tuple[str, str]:
    """Return what a test did, at its worst, and what was said."""
    if result is None:
        return _GONE, "no run had it"
    if not is_proved(result):
        return _UNPROVED, result.reason
    found = [item for item in result.items if _is(item.item_id, test)]
    if found:
        worst = min(found, key=lambda item: _RANK.index(item.outcome))
        return worst.outcome, worst.text
    lost = next((item for item in result.items if _hides(item, test)), None)
    return ("not importable", lost.text) if lost else (_GONE, "")


def _is(item_id: str, test: AcceptanceTest) -> bool:
    """Whether an id, of pytest or unittest, relative to any folder, is that of the test."""
    path, _, inner = test.name.partition("::")
    wanted = f".{_dotted(path)}.{inner.replace('::', '.')}"
    bare = re.sub(r" #\d+\Z", "", item_id).partition("[")[0]
    place, mark, name = bare.partition("::")
    own = f"{_dotted(place)}.{name.replace('::', '.')}" if mark else bare
    return wanted.endswith(f".{own}")


def _hides(item: CheckItem, test: AcceptanceTest) -> bool:
    place = item.item_id.removesuffix(COLLECTION)
    if place == item.item_id:
        return False
    return f".{_dotted(_file(test))}".endswith(f".{_dotted(place)}")


def _file(test: AcceptanceTest) -> str:
    return test.name.partition("::")[0]


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# --- what is wrong ----------------------------------------------------------------------------


def _not_red(outcome: str, text: str, plan: Plan) -> str:
    """Say why this does not show that the change is wanting; empty: it does."""
    said = f": {text.strip()[:_MOST_TEXT]}" if text.strip() else ""
    if outcome == "failed":
        return ""
    if outcome == "error" and not re.search(r"fixture '\w+' not found", text):
        return ""
    if outcome == "not importable":
        return "" if _lacks_planned(text, plan) else f"cannot be collected{said}"
    if outcome == "passed":
        return "passes without the change, so it shows nothing"
    if outcome == _GONE:
        return "was not collected; it has to stand under this very name where the runner looks"
    if outcome == _UNPROVED:
        return f"was run, but that proves nothing{said}"
    return f"was {outcome} without the change, and has to fail{said}"


def _not_held(held: str, outcome: str, text: str) -> str:
    if held != "passed":
        return f"has to pass before the change, and was {held}"
    return _not_broken(outcome, text)


def _not_broken(outcome: str, text: str) -> str:
    if outcome in _FAILING or broken.SAID in text:
        return ""
    if outcome == "passed":
        return "passes with what it holds broken on purpose, so it does not hold that"
    said = f": {text.strip()[:_MOST_TEXT]}" if text.strip() else ""
    return f"was {outcome} with what it holds broken on purpose{said}"


def _lacks_planned(text: str, plan: Plan) -> bool:
    """Whether what an import lacks is in a file that the plan touches."""
    missing = [found["module"] for one in _LACKING for found in one.finditer(text)]
    planned = [f".{_dotted(path)}." for path in plan.files if path.endswith(".py")]
    return bool(missing) and all(
        any(f".{module}." in path or path.endswith(f".{module}.") for path in planned)
        for module in missing
    )
