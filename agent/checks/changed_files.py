"""Check the files of one change by the rules that ruff has.

Returned is what a tool finds with the change and does not find without it. Which rule that breaks
is left to `agent.policy`.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import resources

from agent.checks import readers, running
from agent.checks.check import Site
from agent.checks.commands import ToolCheck
from agent.checks.comparison import find_new
from agent.checks.readers import READERS, ToolRemark
from agent.checks.running import Say
from agent.models.change import Change
from agent.models.checks import CheckItem, LintRun, Status
from agent.models.sandbox import Sandbox
from repo_config.command_lines import CheckCommand

RUFF = "ruff check"

#: Our own modules in the sandbox.
SCRIPTS = tuple(
    path.name.removesuffix(".py")
    for path in resources.files("agent.checks").joinpath("sandbox_scripts").iterdir()
    if path.name.startswith("mergewright_")
)
_SCRIPT = re.compile(rb"#![^\n]*\bpython[0-9.]*")


@dataclass(frozen=True)
class ChangedSites:
    """A change with both of its sides, and what runs tools on them."""

    change: Change
    head: Site
    base: Site
    sandbox: Sandbox
    say: Say

    def run(self, check: ToolCheck, site: Site) -> LintRun:
        return running.run_check(check, site, self.sandbox, self.say)


@dataclass(frozen=True)
class ContractLint:
    """ruff with a configuration made from the contract."""

    name: str
    arguments: tuple[str, ...]
    bans: tuple[str, ...]
    """Further arguments, that nobody would read."""
    once: tuple[str, ...] = ()
    """Codes that count once in a file."""
    look: Callable[[Mapping[str, bytes]], Iterable[CheckItem]] = lambda _: ()
    """Finds in Python files what ruff has no rule for."""

    def find_new(self, sides: ChangedSites) -> LintRun | None:
        """Return what ruff finds in the files of a change, and does not find on base."""
        files = sides.change.files
        after = {file.path: file.after for file in files if file.after is not None}
        before = {file.path: file.before for file in files if file.before is not None}
        found = self._run(sides, after, sides.head)
        if found is None or found.reason:
            return found
        items = (*found.items, *self.look(_choose_python(after)))
        if not items:
            return found
        known = self._run(sides, before, sides.base)
        if known is not None and known.reason:
            return known
        earlier = (*(known.items if known else ()), *self.look(_choose_python(before)))
        own = count_once(earlier, self.once)
        fresh = find_new(count_once(items, self.once), own)
        # Lines that left another file of the change were moved.
        items = tuple(find_new(fresh, find_new(own, items), lambda item: item.text))
        return found.model_copy(
            update={
                "items": items,
                "status": Status.FAILED if items else Status.PASSED,
                "output": "\n".join(
                    f"{check_item.place}: {check_item.text}" for check_item in items
                ),
            }
        )

    def _run(self, sides: ChangedSites, files: Mapping[str, bytes], site: Site) -> LintRun | None:
        root = site.project.root or "."
        paths = [posixpath.relpath(path, root) for path in _choose_python(files)]
        return sides.run(self._check(paths), site) if paths else None

    def _check(self, paths: Iterable[str]) -> ToolCheck:
        words = (*self.arguments, *self.bans, "--no-fix", "--", *paths)
        line = CheckCommand(name=self.name, line="", tool=RUFF, words=words)
        return ToolCheck(line, replace(READERS[RUFF], read=read_remarks), is_ours=True)


def count_once(items: Iterable[CheckItem], codes: tuple[str, ...]) -> list[CheckItem]:
    """Keep only the first in each file of those with these codes."""
    seen: set[str] = set()
    found = []
    for item in items:
        if item.item_id in seen and item.text.startswith(codes):
            continue
        seen.add(item.item_id)
        found.append(item)
    return found


def read_remarks(text: str) -> list[ToolRemark] | None:
    """Read the JSON of ruff; the message begins with the code."""
    remarks = readers.read_ruff(text)
    return remarks and [
        replace(remark, message=f"{remark.code}: {remark.message}") for remark in remarks
    ]


def _choose_python(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        path: content
        for path, content in sorted(files.items())
        if path.endswith((".py", ".pyi", ".pyw"))
        or ("." not in posixpath.basename(path) and _SCRIPT.match(content))
    }
