"""Whole runs with changes that forge a green result: none is ever published."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from agent.cli import run as command
from agent.models.outcome import Outcome
from tests import given
from tests.deep import deep
from tests.flow.stories import Repository
from tests.integration.check_samples import GREEN, RED
from tests.integration.forgeries import DELETED, FORGERIES

pytestmark = pytest.mark.index

PROJECT = {
    "pyproject.toml": (
        '[project]\nname = "sums"\nversion = "1"\nrequires-python = ">=3.11"\n\n'
        '[dependency-groups]\ntest = ["pytest>=8"]\n\n[tool.pytest.ini_options]\n'
    ),
    **GREEN,
}
TRICKS = {**FORGERIES, **DELETED}
PLAIN = "reports are turned green"
Carry = Callable[[Repository, str, given.Files], Outcome]


@pytest.fixture
def carry(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Carry:
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(store))

    def carried(repository: Repository, words: str, files: given.Files) -> Outcome:
        given.give(monkeypatch, files)
        ticket = tmp_path / "ticket.md"
        ticket.write_text(f"# {words}\n")
        asked = command.make_run(repository.path, ticket, config=None, base="main", dry_run=False)
        return command.carry(asked, Console(stderr=True, quiet=True))[0]

    return carried


Grounds = Callable[[given.Files], Repository]


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    """A repository for each base, made once, so that its baseline is measured once."""
    made: dict[tuple[tuple[str, str | None], ...], Repository] = {}

    def ground(files: given.Files) -> Repository:
        key = tuple(sorted(files.items()))
        if key not in made:
            repository = Repository(tmp_path_factory.mktemp("base"))
            repository.git("init", "-q", "-b", "main")
            for path, text in files.items():
                if text is not None:
                    repository.write(path, text)
            repository.commit("Begin")
            made[key] = repository
        return made[key]

    return ground


@pytest.mark.parametrize("name", [PLAIN, *(deep(name) for name in TRICKS if name != PLAIN)])
def test_no_forgery_is_published_as_ready(grounds: Grounds, carry: Carry, name: str) -> None:
    files = {path: textwrap.dedent(text).lstrip("\n") for path, text in TRICKS[name].items()}
    outcome = carry(grounds(PROJECT), "Mend the sums", {**RED, **files})
    if name in DELETED and outcome.branch:
        assert "test-removed" in {one.rule for one in outcome.findings}  # as a draft
    else:
        assert outcome.reason.value in {"policy", "new_failures", "unverified", "no_tests"}
        assert (outcome.branch, outcome.pull_request) == (None, None)


def test_an_honest_change_of_the_same_tests_is_published(grounds: Grounds, carry: Carry) -> None:
    more = GREEN["test_sums.py"] + "\n\ndef test_difference():\n    assert 3 - 1 == 2\n"
    outcome = carry(grounds(PROJECT), "Test a difference", {"test_sums.py": more})
    assert outcome.reason.value == "ready", outcome.sentence
    assert outcome.branch is not None
