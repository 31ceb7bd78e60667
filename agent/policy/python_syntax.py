"""Hold changed code to the oldest Python that the project supports.

A file that does not parse there breaks every import of it, and a module or function that the
standard library does not have yet breaks at run time, often in a branch that no test takes.
So both are read from the syntax tree. Syntax counts wherever it stands, since no guard saves a
file from not parsing; the library counts where the code would run (see `guards`). What the file
already needed before the change is not held against the change.
What a file asks for is found by `needs`. Syntax newer than the Python of this service cannot be
read; that is said, never guessed at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from agent.domain import Change, ChangedFile, Finding
from agent.policy import findings, guards, needs, source
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

RULE = "python-syntax"

_HOST_VERSION = sys.version_info[:2]
_HOST = f"Python {_HOST_VERSION[0]}.{_HOST_VERSION[1]}"


def check(
    change: Change,
    config: RepoConfig,
    project: Project,
    tree: Tree,
) -> Iterator[Finding]:
    """Yield a finding for everything that the oldest supported Python cannot run."""
    target = _target(project.python_version)
    for file in source.changed(change):
        yield from _check_file(file, source.earlier(change, file), target, project)


def _target(version: str | None) -> guards.Version | None:
    found = re.match(r"(\d+)\.(\d+)", version or "")
    return (int(found[1]), int(found[2])) if found else None


def _dotted(version: guards.Version) -> str:
    return f"{version[0]}.{version[1]}"


def _check_file(
    file: ChangedFile, before: bytes | None, target: guards.Version | None, project: Project
) -> Iterator[Finding]:
    after = file.after or b""
    try:
        module = source.parse(after)
    except source.UnreadableError as problem:
        yield _unreadable(file, before, problem, target)
        return
    if target is None:
        return
    try:
        new = needs.of(module, after, target)
        known = {need.what for need in _needs_before(before, target)} if new else set()
    except RecursionError:
        yield findings.review(
            RULE,
            file.path,
            "is nested too deeply to be held against a version",
            "Check by hand that the oldest supported Python can run it.",
        )
        return
    for need in sorted(set(new), key=lambda need: (need.line or 0, need.what)):
        if need.what not in known:
            yield _too_new(file, need, target, project)


def _too_new(
    file: ChangedFile, need: needs.Need, target: guards.Version, project: Project
) -> Finding:
    origin = project.origins.get("python_version")
    declared = f" ({origin})" if origin else ""
    return findings.block(
        RULE,
        file.path,
        f"uses {need.what} (Python 3.{need.minor} and newer); the project supports"
        f" {_dotted(target)}{declared}",
        f"Write it for Python {_dotted(target)}, or raise the declared version first.",
        need.line,
    )


# --- files that this service's Python cannot read ---------------------------------------------


def _unreadable(
    file: ChangedFile,
    before: bytes | None,
    problem: source.UnreadableError,
    target: guards.Version | None,
) -> Finding:
    """Judge a file that does not parse here: broken, too new for the project, or too new for us.

    What this Python refuses, an older one refuses too; of a newer one nothing is known. LibCST
    knows the newest grammar on every host, but deep nesting ends its process.
    """
    if before is not None and not _parses(before):
        return findings.review(
            RULE,
            file.path,
            f"does not parse with {_HOST} ({problem.message}), and did not before the change",
            "Check by hand that it is meant to be so.",
            problem.line,
        )
    if target is not None and target > _HOST_VERSION:
        return findings.review(
            RULE,
            file.path,
            f"cannot be read by this service, which runs on {_HOST} ({problem.message}); the"
            f" project supports {_dotted(target)} and newer",
            "Check by hand that it is valid, or run this service with a newer Python.",
            problem.line,
        )
    if target is None:
        return findings.block(
            RULE,
            file.path,
            f"does not parse with {_HOST}: {problem.message}",
            "Write valid Python, or declare the version it is for (python.version).",
            problem.line,
        )
    return findings.block(
        RULE,
        file.path,
        f"does not parse with {_HOST}: {problem.message}; the project supports {_dotted(target)}",
        f"Write what Python {_dotted(target)} can parse.",
        problem.line,
    )


def _parses(content: bytes) -> bool:
    try:
        source.parse(content)
    except source.UnreadableError:
        return False
    return True


def _needs_before(before: bytes | None, target: guards.Version) -> list[needs.Need]:
    if before is None:
        return []
    try:
        return needs.of(source.parse(before), before, target)
    except source.UnreadableError:
        return []
