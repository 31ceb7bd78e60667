"""Check the files of a change with ruff, which is configured by the contract.

The result has only what ruff finds with the change and does not find without it. `agent.policy`
decides which rule such a finding breaks.
"""

import dataclasses
import posixpath
from collections.abc import Iterable
from typing import Literal

from agent.checks import readers, running
from agent.checks.change_split import SplitChange
from agent.checks.check import Site
from agent.checks.commands import ToolCheck
from agent.checks.compare import BY_ID
from agent.checks.readers import READERS, ToolRemark
from agent.checks.running import Say
from agent.models.checks import CheckItem, LintRun, Status
from agent.models.record import replace
from agent.models.sandbox import Sandbox
from agent.policy import ruff_contract
from agent.policy.change_context import find_new
from agent.policy.layout import is_test
from agent.policy.ruff_contract import BAN
from repo_config.command_lines import CheckCommand

RUFF = "ruff check"


def lint_change(
    split: SplitChange, head: Site, base: Site, sandbox: Sandbox, say: Say
) -> LintRun | None:
    """Check a change with ruff; None: it has no new finding, or no Python file."""
    change = split.change
    config, version = head.config, head.project.python_version
    options = *ruff_contract.arguments(version), *ruff_contract.make_ban(config)
    reader = dataclasses.replace(READERS[RUFF], read=read_remarks)

    def run(side: Literal["before", "after"], site: Site) -> LintRun | None:
        there = (file.path for file in change.files if getattr(file, side) is not None)
        python = (path for path in there if path.endswith((".py", ".pyi")))
        paths = [posixpath.relpath(path, site.project.root or ".") for path in python]
        words = *options, "--no-fix", "--", *paths
        line = CheckCommand(name=ruff_contract.CHECK, line="", tool=RUFF, words=words)
        check = ToolCheck(line, reader, is_ours=True)
        return running.run_check(check, site, sandbox, say) if paths else None

    after = run("after", head)
    if after is None or after.reason:
        return after
    before = run("before", base) if after.items else None
    if before is not None and before.reason:
        return before
    old = count_once(before.items if before else ())
    fresh = find_new(count_once(after.items), old, BY_ID)
    # A finding that is gone from another file of the change was moved here, and is not new.
    items = tuple(find_new(fresh, find_new(old, after.items, BY_ID), lambda item: item.text))
    python = head.environment.interpreter.version
    # Product files with names of tests: rules that spare tests apply to them.
    disguised = frozenset(filter(is_test, split.product))
    items = ruff_contract.select_items(items, change, config, disguised, python)
    output = "\n".join(f"{item.place}: {item.text}" for item in items)
    return replace(after, items=items, status=Status.FAILED, output=output) if items else None


def count_once(items: Iterable[CheckItem]) -> list[CheckItem]:
    """Return the items; if a file has equal findings of a banned name, only the first of these."""
    seen: set[str] = set()
    counted = []
    for item in items:
        if item.item_id in seen and item.text.startswith(BAN):
            continue
        seen.add(item.item_id)
        counted.append(item)
    return counted


def read_remarks(text: str) -> list[ToolRemark] | None:
    """Read ruff's JSON, and put the code before each message; None: it is not ruff's JSON."""
    remarks = readers.read_ruff(text)
    return remarks and [
        dataclasses.replace(remark, message=f"{remark.code}: {remark.message}")
        for remark in remarks
    ]
