"""Tickets carried out on a real project: everything that tests ask about, gathered once.

Several at a time, as on any machine where several people work. Nothing is judged here.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.environments.package_index import SimpleIndex
from agent.models.checks import CheckReport
from agent.models.environment import Environment
from agent.models.package_index import IndexAccess
from tests.flow.stories import Ended, Repository
from tests.thirdparty import bare, recorded_run, sources
from tests.thirdparty.bare import Bare, Outcomes
from tests.thirdparty.fields import Wish
from tests.thirdparty.projects import Known, KnownDjango

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bench:
    """Where runs are made, and with what."""

    home: Path
    access: IndexAccess

    def environment(self, repository: Repository) -> Environment:
        """Build the repository's environment in a process of its own."""
        done = self.command("-m", "tests.thirdparty.build_environment", str(repository.path))
        assert done.returncode == 0, done.stderr
        return Environment.model_validate_json(done.stdout)

    def carry(self, repository: Repository, ticket: Path) -> tuple[Ended, dict[str, CheckReport]]:
        """Run `mergewright run --json`; return what it printed and what the checks reported."""
        reports = ticket.with_suffix(".reports")
        done = self.command(
            "-m", "tests.thirdparty.recorded_run", str(reports), "run", "--json",
            "--repo", str(repository.path), "--ticket", str(ticket),
        )  # fmt: skip
        assert done.stdout, done.stderr
        return (
            Ended(done.returncode, json.loads(done.stdout), done.stderr),
            recorded_run.read(reports),
        )

    def command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run Python with a module of this repository."""
        with bare.TURNS:
            return subprocess.run(
                [sys.executable, *argv],
                env={**os.environ, "MERGEWRIGHT_HOME": str(self.home)},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )


@dataclass(frozen=True)
class ChangedFile:
    """One file on the branch and before."""

    status: str
    """As git names it: A, M, D."""
    before: bytes
    after: bytes
    same_mode: bool

    @property
    def replaced(self) -> list[bytes]:
        """Lines of before that are no longer there as they were; `pass` gives way to a field."""
        before, after = self.before.splitlines(True), self.after.splitlines(True)
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        return [
            line
            for tag, start, end, *_ in matcher.get_opcodes()
            for line in before[start:end]
            if tag != "equal" and line.strip() != b"pass"
        ]

    @property
    def only_longer(self) -> bool:
        """Whether all bytes of the lines that are not as before are still there, in order."""
        rest = iter(self.after)
        return all(byte in rest for byte in b"".join(self.replaced))


@dataclass(frozen=True)
class Carried:
    """One ticket on one model."""

    facts: dict[str, Any]
    """What Django says about the model on base."""
    wish: Wish
    admin: bool
    """Whether the ticket asked for the admin list."""
    ended: Ended
    reports: dict[str, CheckReport]
    """By side."""
    files: dict[str, ChangedFile]
    judged: dict[str, Any]
    """What Django says about the migration, in the branch's checkout, bare."""

    @property
    def label(self) -> str:
        """As in `app.Model`."""
        return f"{self.facts['app']}.{self.facts['name']}"

    @property
    def told(self) -> str:
        """What the run said, for a failing test to show."""
        return f"{self.label}.{self.wish.name}: {self.ended.result['sentence']}"


@dataclass
class Project:
    """A whole project with all its runs."""

    known: KnownDjango
    repository: Repository
    outcomes: Outcomes
    """Of the bare run on base."""
    models: int
    """How many concrete models there are."""
    carried: list[Carried]

    @property
    def branches(self) -> list[Carried]:
        """What ended with a branch; that all did is one test of its own."""
        found = [one for one in self.carried if one.judged]
        assert found, "no run ended with a branch"
        return found


def project(
    known: KnownDjango,
    folder: Path,
    index: SimpleIndex,
    build_context: Bench,
    wishes: Sequence[Wish],
) -> Project:
    """Carry a ticket for each wish, and do by hand what there is to compare with."""
    repository, by_hand = _set_up(known, folder, index, build_context)
    models = by_hand.ask_django("models", packages=known.packages)

    def carry(facts: dict[str, Any], wish: Wish) -> Carried:
        place = folder / f"{facts['app']}-{facts['name']}"
        place.mkdir()
        return _carry(facts, wish, repository, place, build_context, by_hand)

    with ThreadPoolExecutor(4) as pool:
        # The first run measures the base commit for all.
        first = pool.submit(carry, models[0], wishes[0])
        outcomes = pool.submit(by_hand.outcomes)
        carried = [first.result(), *pool.map(carry, models[1 : len(wishes)], wishes[1:])]
        return Project(known, repository, outcomes.result(), len(models), carried)


def _set_up(
    known: Known, folder: Path, index: SimpleIndex, build_context: Bench
) -> tuple[Repository, Bare]:
    """Make the repository, its environment, and the same packages by hand."""
    folder.mkdir()
    repository = sources.repository(known.source, index, folder, known.config)
    built = build_context.environment(repository)
    copy = folder / "bare" / "tree"
    copy.parent.mkdir()
    repository.git("clone", "-q", str(repository.path), str(copy))
    return repository, bare.build(known, copy, built, build_context.access)


def _carry(
    facts: dict[str, Any],
    wish: Wish,
    repository: Repository,
    place: Path,
    build_context: Bench,
    by_hand: Bare,
) -> Carried:
    admin = wish.admin and facts["admin_file"] is not None
    ticket = place / f"{facts['name']}.md".lower()
    ticket.write_text(wish.ticket(f"{facts['app']}.{facts['name']}", admin=admin))
    ended, reports = build_context.carry(repository, ticket)
    files: dict[str, ChangedFile] = {}
    judged: dict[str, Any] = {}
    if branch := ended.result["branch"]:
        checkout = place / "checkout"
        repository.git("clone", "-q", "--branch", branch, str(repository.path), str(checkout))
        files = changed_files(Repository(checkout))
        judged = by_hand.ask_django(
            "migration",
            checkout,
            app=facts["app"],
            model=facts["name"],
            previous=facts["latest"],
            field=wish.name,
            options=list(wish.options),
        )
    return Carried(facts, wish, admin, ended, reports, files, judged)


def changed_files(checkout: Repository) -> dict[str, ChangedFile]:
    """Read what the last commit changed, by path."""
    found = {}
    for line in checkout.git("diff", "--raw", "--abbrev=40", "HEAD~1..HEAD").splitlines():
        meta, path = line.removeprefix(":").split("\t")
        mode_before, mode_after, blob_before, blob_after, status = meta.split()
        found[path] = ChangedFile(
            status=status,
            before=_blob(checkout, blob_before),
            after=_blob(checkout, blob_after),
            same_mode=status == "A" or mode_before == mode_after,
        )
    return found


def _blob(checkout: Repository, name: str) -> bytes:
    if set(name) == {"0"}:
        return b""
    done = subprocess.run(
        ["git", "cat-file", "blob", name],
        cwd=checkout.path, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout
