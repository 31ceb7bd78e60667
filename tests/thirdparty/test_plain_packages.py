"""Whole runs on a released package without Django: an honest no, a red run and its harmless twin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from agent import steps
from agent.adapters.package_index import SimpleIndex
from agent.cli import run as command
from agent.domain import CheckReport, Outcome, Reason, RunState, Ticket
from agent.recipes import registry
from agent.recipes.recipe import Edits, ProducingCommand
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig
from tests.flow.stories import Repository
from tests.thirdparty import bare, recorded_run, sources, summary
from tests.thirdparty.bare import Bare, Outcomes
from tests.thirdparty.carried import Bench
from tests.thirdparty.fields import WISHES
from tests.thirdparty.projects import SLUGIFY

pytestmark = [pytest.mark.thirdparty, pytest.mark.timeout(1800)]

_FILE = "slugify/slugify.py"
_LINE = b"DEFAULT_SEPARATOR = '-'\n"
_BREAKING = b"DEFAULT_SEPARATOR = '_'\n"
_HARMLESS = b"# What words are joined with.\n" + _LINE


@dataclass(frozen=True)
class Replace:
    """A recipe that puts one line in the place of another."""

    line: bytes
    name: str = "replace-line"
    kind: str = "misc"

    def match(self, ticket: Ticket) -> bool:
        return "separator" in ticket.title

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        assert tree.read(_FILE).count(_LINE) == 1
        return "{}"

    def steps(self, parameters: str) -> tuple[str, ...]:
        return (f"Replace a line of {_FILE}.",)

    def touches(self, parameters: str) -> tuple[str, ...]:
        return (_FILE,)

    def apply(self, tree: Tree, parameters: str) -> Edits:
        content = tree.read(_FILE).replace(_LINE, self.line)
        return Edits(files={_FILE: content}, notes=(f"Replaced a line of {_FILE}.",))

    def produce(self, parameters: str, project: Project) -> ProducingCommand | None:
        return None

    def accept_produced(
        self, parameters: str, report: bytes, files: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        raise AssertionError("nothing is produced")

    def title(self, parameters: str) -> str:
        return "Touch the separator"


@dataclass(frozen=True)
class Slugify:
    """The package, as a repository and by hand."""

    repository: Repository
    folder: Path
    by_hand: Bare
    outcomes: Outcomes


@pytest.fixture(scope="module")
def slugify(folder: Path, index: SimpleIndex, bench: Bench, pytestconfig: pytest.Config) -> Slugify:
    began = time.monotonic()
    place = folder / SLUGIFY.source.name
    place.mkdir()
    repository = sources.repository(SLUGIFY.source, index, place)
    built = bench.environment(repository)
    copy = place / "bare" / "tree"
    copy.parent.mkdir()
    repository.git("clone", "-q", str(repository.path), str(copy))
    by_hand = bare.build(SLUGIFY, copy, built, bench.access)
    outcomes = by_hand.outcomes()
    summary.note(pytestconfig, SLUGIFY, 0, len(outcomes), time.monotonic() - began)
    return Slugify(repository, place, by_hand, outcomes)


Carry = Callable[[str, str], tuple[Outcome, dict[str, CheckReport]]]


@pytest.fixture
def carry(
    slugify: Slugify, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Carry]:
    """Carry a ticket out in this process, with the recipes that are registered."""
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(bench.home))
    monkeypatch.setattr(steps.Steps, "__call__", recorded_run.recording(tmp_path / "reports"))

    def carried(name: str, text: str) -> tuple[Outcome, dict[str, CheckReport]]:
        ticket = tmp_path / f"{name}.md"
        ticket.write_text(text)
        request = command.new_run(
            slugify.repository.path, ticket, config=None, base=None, dry_run=False
        )
        outcome, _ = command.carry(request, Console(stderr=True, quiet=True))
        return outcome, recorded_run.read(tmp_path / "reports")

    before = slugify.repository.state()
    yield carried
    assert slugify.repository.state() == before


def test_a_field_for_a_package_without_models_is_refused(slugify: Slugify, carry: Carry) -> None:
    outcome, reports = carry("field", WISHES[0].ticket("slugify.Slug", admin=False))
    assert (outcome.state, outcome.reason) == (RunState.DECLINED, Reason.REFUSED)
    assert "not a Django project" in outcome.sentence
    assert outcome.pull_request_text is not None
    assert outcome.sentence in outcome.pull_request_text
    assert (outcome.branch, outcome.commit, reports) == (None, None, {})
    assert slugify.repository.branches() == ["main"]


def test_a_breaking_edit_is_withheld_with_the_tests_that_fail(
    slugify: Slugify, carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "recipes", lambda: (Replace(_BREAKING),))
    outcome, reports = carry("breaking", "# Another separator\n\nJoin words otherwise.\n")

    broken = _broken_by_hand(slugify)
    assert broken
    assert (outcome.state, outcome.reason) == (RunState.FAILED, Reason.NEW_FAILURES)
    assert (outcome.branch, outcome.commit) == (None, None)
    assert slugify.repository.branches() == ["main"]
    tests = next(check for check in outcome.checks if check.name == "tests")
    assert {bare.dotted(item.item_id) for item in tests.new_failures} == broken
    base, head = (bare.by_product(reports[side]) for side in ("base", "head"))
    assert bare.comparable(base, SLUGIFY) == bare.comparable(slugify.outcomes, SLUGIFY)
    assert head.keys() == base.keys() == slugify.outcomes.keys()

    text = outcome.pull_request_text or ""
    log = Path(outcome.log or "").read_text()
    for item in tests.new_failures[:3]:
        name = item.item_id.rpartition("::")[2]
        assert name in outcome.sentence, outcome.sentence
        assert name.replace("_", r"\_") in text or name in text
        assert name in log
    assert "Tests" in outcome.sentence
    assert "[head] tests: failed" in log
    assert "AssertionError" in log


def test_its_harmless_twin_gets_a_branch(
    slugify: Slugify, carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "recipes", lambda: (Replace(_HARMLESS),))
    outcome, reports = carry("harmless", "# Explain the separator\n\nIn a comment.\n")

    assert (outcome.state, outcome.reason) == (RunState.OPEN, Reason.READY), outcome.sentence
    assert outcome.branch is not None
    assert {check.name for check in outcome.checks} >= {"mypy", "tests"}
    base, head = (bare.by_product(reports[side]) for side in ("base", "head"))
    assert base.keys() == slugify.outcomes.keys()
    assert bare.comparable(base, SLUGIFY) == bare.comparable(slugify.outcomes, SLUGIFY)
    assert head == base
    changed = slugify.repository.git("diff", "--numstat", f"main..{outcome.branch}")
    assert changed.split() == ["1", "0", _FILE]


def _broken_by_hand(slugify: Slugify) -> set[str]:
    """Make the breaking edit in the bare copy; return the tests that no longer pass there."""
    place = slugify.by_hand.tree / _FILE
    content = place.read_bytes()
    place.write_bytes(content.replace(_LINE, _BREAKING))
    try:
        after = slugify.by_hand.outcomes()
    finally:
        place.write_bytes(content)
    return {name for name, how in slugify.outcomes.items() if how != after[name]}
