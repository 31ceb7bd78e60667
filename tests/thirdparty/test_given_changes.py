"""Whole runs with changes as a hasty author makes them: withheld for the right reason, or opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from agent.adapters.package_index import SimpleIndex
from agent.cli import run as command
from agent.domain import Outcome, Reason
from tests import given
from tests.flow.stories import Repository
from tests.thirdparty import sources
from tests.thirdparty.carried import Bench
from tests.thirdparty.given_changes import CASES, Edit, Given, Ground

pytestmark = pytest.mark.thirdparty

Grounds = Callable[[Ground], Repository]
Carry = Callable[[str, Edit], Outcome]


@pytest.fixture(scope="module")
def grounds(folder: Path, index: SimpleIndex) -> Grounds:
    """Each project as a repository, made once."""
    made: dict[str, Repository] = {}

    def ground(asked: Ground) -> Repository:
        name = asked.source.name
        if name not in made:
            place = folder / f"given-{name}"
            place.mkdir()
            made[name] = sources.repository(asked.source, index, place, asked.config)
        return made[name]

    return ground


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Given:
    return CASES[request.param]


@pytest.fixture
def carry(
    case: Given, grounds: Grounds, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Carry:
    """Carry the ticket out in this process, with the edits that are given."""
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(bench.home))
    repository = grounds(case.ground)

    def carried(name: str, edit: Edit) -> Outcome:
        given.give(monkeypatch, edit(repository.path))
        ticket = tmp_path / f"{name}.md"
        ticket.write_text(f"# {case.ticket}")
        request = command.new_run(repository.path, ticket, config=None, base="main", dry_run=False)
        return command.carry(request, Console(stderr=True, quiet=True))[0]

    return carried


def test_a_bad_change_is_withheld_and_its_fault_named(case: Given, carry: Carry) -> None:
    outcome = carry("bad", case.bad)
    assert outcome.reason.value == case.reason, outcome.sentence
    assert (outcome.branch, outcome.commit) == (None, None)
    named = {one.rule for one in outcome.findings if one.path == case.place}
    named |= {check.name for check in outcome.checks if check.new_failures}
    assert case.named_by in named, (named, outcome.sentence)
    assert case.place in (outcome.pull_request_text or "").replace("\\", "")


def test_its_corrected_twin_is_opened(case: Given, carry: Carry) -> None:
    outcome = carry("good", case.good)
    assert outcome.reason is Reason.READY, outcome.sentence
    assert outcome.branch is not None
    assert not [one for one in outcome.findings if one.severity == "block"]
