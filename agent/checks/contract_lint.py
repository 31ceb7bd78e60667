"""Run ruff on the Python files of a change, with a configuration of our own.

Returned is what ruff finds with the change and does not find without it. Which rule that breaks is
left to `agent.policy.ruff_contract`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources

from agent.checks import lint, running
from agent.checks.check import Site
from agent.checks.comparison import find_new
from agent.checks.running import Show
from agent.models.change import Change
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import Sandbox

#: Our own modules in the sandbox.
SCRIPTS = tuple(
    path.name.removesuffix(".py")
    for path in resources.files("agent.checks").joinpath("sandbox_scripts").iterdir()
    if path.name.startswith("mergewright_")
)
_SCRIPT = re.compile(rb"#![^\n]*\bpython[0-9.]*")


@dataclass(frozen=True)
class ContractLint:
    """What ruff is told, and under which name its result is listed."""

    name: str
    arguments: tuple[str, ...]
    bans: tuple[str, ...]
    """Further arguments, that nobody would read."""
    once: tuple[str, ...] = ()
    """Codes of which a file has either some or none; how many does not count."""

    def find_new(
        self, change: Change, head: Site, base: Site, sandbox: Sandbox, show: Show
    ) -> CheckResult | None:
        """Return what ruff finds in the files of a change, and does not find on base.

        Args:
            change: None of its files is left out by any settings.
            head: With the change.
            base: Without it.
            sandbox: Runs ruff.
            show: Told some of the lines that are printed meanwhile.
        """
        after = {one.path: one.after for one in change.files if one.after is not None}
        before = {one.path: one.before for one in change.files if one.before is not None}
        found = self._run(after, head, sandbox, show)
        if found is None or found.reason or not found.items:
            return found
        known = self._run(before, base, sandbox, show)
        if known is not None and known.reason:
            return known
        own = count_once(known.items if known else (), self.once)
        fresh = find_new(count_once(found.items, self.once), own)
        # What left another file of the change was moved.
        items = tuple(find_new(fresh, find_new(own, found.items), lambda item: item.text))
        return found.model_copy(
            update={
                "items": items,
                "status": Status.FAILED if items else Status.PASSED,
                "output": "\n".join(f"{one.place}: {one.text}" for one in items),
            }
        )

    def _run(
        self, files: dict[str, bytes], site: Site, sandbox: Sandbox, show: Show
    ) -> CheckResult | None:
        """Run ruff on the Python files among these; None where there is none."""
        paths = [path for path, content in sorted(files.items()) if _is_python(path, content)]
        if not paths:
            return None
        root = site.project.root or "."
        only = tuple(posixpath.relpath(path, root) for path in paths)
        return running.run_check(replace(self._check(), only=only), site, sandbox, show)

    def _check(self) -> lint.LintCheck:
        machine = (
            *(part.replace("{", "{{").replace("}", "}}") for part in (*self.arguments, *self.bans)),
            "--no-cache", "--no-fix", "--output-format=json", "--output-file={report}", "--",
        )  # fmt: skip
        return lint.LintCheck(
            name=self.name,
            command_words=("ruff", "check"),
            arguments=self.arguments,
            machine_arguments=machine,
            # A syntax error alone is found without any selection.
            probe="import pickle\n\npickle.loads(input().encode())\n",
            read=read_remarks,
            configured=lambda _: True,
            ours=True,
        )


def count_once(items: Iterable[CheckItem], codes: tuple[str, ...]) -> list[CheckItem]:
    """Leave out all but the first in each file of those with these codes."""
    seen: set[str] = set()
    found = []
    for item in items:
        if item.item_id in seen and item.text.startswith(codes):
            continue
        seen.add(item.item_id)
        found.append(item)
    return found


def read_remarks(content: bytes) -> list[lint.Remark] | None:
    """Read the JSON of ruff; the message begins with the code."""
    remarks = lint.read_ruff(content)
    return remarks and [replace(one, message=f"{one.code}: {one.message}") for one in remarks]


def _is_python(path: str, content: bytes) -> bool:
    is_script = "." not in posixpath.basename(path) and _SCRIPT.match(content) is not None
    return path.endswith((".py", ".pyi", ".pyw")) or is_script
