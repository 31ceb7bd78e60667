"""Tell of pull requests that add migrations to the same app. Pure.

Two migrations of one app that stand on the same one conflict, and Django says so only when the
second is merged. A hidden line in each text of ours says where its change adds migrations; so
another run learns it from the list of pull requests alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from agent.models.change import Change
from agent.models.code_host import OwnPullRequest
from agent.models.record import Record

_MIGRATION = re.compile(r"(?P<folder>(?:.+/)?migrations)/(?!__)[^/]+\.py")
_MARK = re.compile(r"^<!-- mergewright:migrations=(?P<folders>\S+) -->$", re.MULTILINE)
#: The hidden line is no place for more.
_MOST_FOLDERS = 50


class Rival(Record):
    """An open pull request that adds migrations where another one does."""

    number: int
    apps: tuple[str, ...]
    """Those that they share, by the names of their folders."""


def folders(change: Change) -> tuple[str, ...]:
    """Return the folders to which a change adds migrations."""
    new = (_MIGRATION.fullmatch(file.path) for file in change.files if file.before is None)
    return tuple(sorted({found["folder"] for found in new if found}))[:_MOST_FOLDERS]


def marker(added: Iterable[str]) -> str:
    """Make the hidden line; empty where nothing is added."""
    quoted = ",".join(quote(folder) for folder in added)
    return f"<!-- mergewright:migrations={quoted} -->" if quoted else ""


def rivals(pulls: Iterable[OwnPullRequest], added: tuple[str, ...]) -> tuple[Rival, ...]:
    """Say which of the pull requests add migrations to the same folders, by number."""
    found = []
    for pull in sorted(pulls, key=lambda one: one.number):
        mark = _MARK.search(pull.body.replace("\r\n", "\n"))
        theirs = {unquote(folder) for folder in mark["folders"].split(",")} if mark else set()
        if shared := theirs & set(added):
            apps = tuple(_app(folder) for folder in sorted(shared))
            found.append(Rival(number=pull.number, apps=apps))
    return tuple(found)


def by_app(rivals: Iterable[Rival]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Turn it round: each app, with the numbers of the pull requests."""
    found: dict[str, list[int]] = {}
    for rival in rivals:
        for app in rival.apps:
            found.setdefault(app, []).append(rival.number)
    return tuple((app, tuple(found[app])) for app in sorted(found))


def _app(folder: str) -> str:
    return folder.removesuffix("migrations").rstrip("/").rpartition("/")[2] or folder
