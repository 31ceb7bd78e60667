"""What is detected in released projects is what a person finds in their files."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from agent.adapters.package_index import SimpleIndex
from agent.cli import repository
from agent.contract import readiness, written
from agent.contract.facts import Evidence, only_folder
from repo_config import load
from tests.live.projects import PROJECTS
from tests.thirdparty import projects, sources
from tests.thirdparty.sources import Source

pytestmark = [pytest.mark.index, pytest.mark.thirdparty]

EXPECTED = tomllib.loads(Path(__file__).with_name("detected.toml").read_text(encoding="utf-8"))
_KNOWN = [*projects.DJANGO, *projects.PRINTING, projects.SLUGIFY, *(one.known for one in PROJECTS)]
SOURCES: dict[str, Source] = {
    known.source.name: known.source for known in _KNOWN if known.source.name in EXPECTED
}


def test_there_are_ten_of_them():
    assert len(SOURCES) == len(EXPECTED) == 10


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_is_detected_is_true(name: str, index: SimpleIndex, tmp_path: Path):
    made = sources.repository(SOURCES[name], index, tmp_path)
    tree = repository.tree(made.path)
    proposal = written.propose(tree)
    expected = EXPECTED[name]
    assert {one.key: one.value for one in proposal.facts} == expected["facts"]
    assert {one.key: one.value for one in proposal.proposals} == expected["open"]
    assert all(one.why for one in (*proposal.facts, *proposal.proposals))
    load.from_text(proposal.text, load.OWN_FILES[0], tree)
    found = readiness.of(Evidence(tree, only_folder(tree) or ""))
    assert {one.name: one.severity for one in found if one.state == "gap"} == expected["gaps"]
