"""Each scenario of the demo is played, and ends as it says."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from rich.console import Console

from agent.models.run import Reason
from tests import faulty_github
from tests.demo import play
from tests.demo.__main__ import follow
from tests.demo.play import Stage
from tests.demo.scenarios import SCENARIOS
from tests.folders import data_folder_with_tools
from tests.simulator import git_store

_CONFIG = ".github/mergewright.yml"
#: What else would be checked takes most of the time, and is played in one scenario.
_TESTS_ALONE = "checks: {lint: off, types: off, makemigrations: off}\n"
_WHOLE = ("add-field", "bad-config")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage for all of them."""
    with (
        data_folder_with_tools("demo") as home,
        play.serving_recorded() as model,
        faulty_github.staging(home, tmp_path_factory.mktemp("demo"), **model) as made,
    ):
        yield made


@pytest.mark.deep
# What is left open without a model is told in `test_issues.py`; here is one.
@pytest.mark.parametrize("name", [scenario for scenario in SCENARIOS if scenario != "unclear"])
def test_a_scenario_ends_as_it_says(stage: Stage, tmp_path: Path, name: str) -> None:
    scenario = SCENARIOS[name]
    if name not in _WHOLE:
        config = scenario.files.get(_CONFIG, "")
        files = MappingProxyType({**scenario.files, _CONFIG: config + _TESTS_ALONE})
        scenario = replace(scenario, files=files)
    made = play.put_on(stage, scenario, tmp_path / "source")
    made.label()
    run = follow(made, Console(quiet=True), time.monotonic())
    assert run is not None
    assert run.outcome is not None
    assert run.outcome.reason is scenario.ends, run
    branches = git_store.text(made.repository.git_dir, "for-each-ref", "refs/heads").splitlines()
    assert (made.pull() is not None) is (scenario.ends is Reason.READY)
    assert len(branches) == 1 + (scenario.ends is Reason.READY)
    if scenario.is_recorded:
        made.review()
        answer = follow(made, Console(quiet=True), time.monotonic(), after=run)
        assert answer is not None
        assert answer.outcome is not None
        assert answer.outcome.review_state.threads[0].kind == "commit"
