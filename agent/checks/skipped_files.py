"""Have linters read the files of a change that their own command passes over.

What a repository writes about files to leave out holds, and so do the folders that its command
names. What a tool leaves out beside that, by a list of its own or by an ignore file, it is shown
by name: what it then finds is for the reviewer.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from agent.checks import linters, running
from agent.checks.check import Site, workers
from agent.checks.comparison import find_new
from agent.checks.lint import LintCheck
from agent.checks.running import Show
from agent.models.change import Change
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import Sandbox
from agent.telemetry.run_log import carried_along

NAME = "unread files"
_MOST = 1000


def check_skipped_files(
    change: Change,
    head: Site,
    base: Site,
    results: Iterable[CheckResult],
    sandbox: Sandbox,
    show: Show,
) -> CheckResult | None:
    """Return what linters find in files that they did not read; None where they find nothing.

    Args:
        head: With the change.
        base: Without it; what is found there as well is not the change's.
        results: Of the commands themselves, on head.
    """
    known = {one.name: one for one in results if not one.reason and one.status is not Status.ABSENT}

    def beyond(check: LintCheck) -> list[CheckItem]:
        own = known[check.name].items
        return _find_new(check, change, head, base, sandbox, show, own)

    with ThreadPoolExecutor(workers(head)) as pool:
        checks = (one for one in linters.ALL if one.name in known)
        found = [pool.submit(carried_along(beyond), check) for check in checks]
    return _result(NAME, (item for one in found for item in one.result()))


def _result(name: str, found: Iterable[CheckItem]) -> CheckResult | None:
    items = tuple(found)
    if not items:
        return None
    lines = (f"{item.place}: {item.item_id.partition(': ')[2]}" for item in items)
    return CheckResult(
        name=name, status=Status.FAILED, exit_code=1, items=items, output="\n".join(lines)
    )


def _find_new(
    check: LintCheck,
    change: Change,
    head: Site,
    base: Site,
    sandbox: Sandbox,
    show: Show,
    known: tuple[CheckItem, ...] = (),
) -> list[CheckItem]:
    """List what a linter finds in the files of a change, and finds not on base."""
    after = _paths(check, head, (one.path for one in change.files if one.after is not None))
    more = find_new(_find_problems(check, after, head, sandbox, show), known)
    if not more:
        return []
    before = _paths(check, head, (one.path for one in change.files if one.before is not None))
    return find_new(more, _find_problems(check, before, base, sandbox, show))


def _paths(check: LintCheck, site: Site, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the Python files that the command is to read, relative to the project's folder."""
    told = site.project.told.get(check.name)
    folders = told.paths if told and told.paths else (".",)
    found = []
    for path in paths:
        inner = posixpath.relpath(path, site.project.root or ".")
        named = any(f"{inner}/".startswith(f"{folder}/") or folder == "." for folder in folders)
        if path.endswith((".py", ".pyi")) and named and not inner.startswith("../"):
            found.append(inner)
    return tuple(found[:_MOST])


def _find_problems(
    check: LintCheck, paths: tuple[str, ...], site: Site, sandbox: Sandbox, show: Show
) -> tuple[CheckItem, ...]:
    if not paths:
        return ()
    judged = running.run_check(replace(check, only=paths), site, sandbox, show)
    return () if judged.reason else judged.items
