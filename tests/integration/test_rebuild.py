"""What a run has on this machine is a cache: it is made again where it was taken away meanwhile."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.desk import Desk
from agent.errors import CacheGone
from agent.git import worktree
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.setup import storage
from agent.stages import checkout
from tests.integration.environment_building import begin_run, with_our_tools

pytestmark = pytest.mark.index
FILES = {"requirements.txt": "iniconfig\n", "till.py": "coins = 1\n"}


@pytest.fixture(scope="module")
def begun() -> Iterator[tuple[Prepared, Desk]]:
    """Carry a run as far as its environment."""
    with with_our_tools() as settings:
        yield begin_run(settings, FILES)


@pytest.mark.deep
def test_an_environment_that_was_evicted_is_built_again(begun):
    prepared, desk = begun
    assert storage.remove_unused(desk.settings, days=0) == 1
    shutil.rmtree(desk.base_folder(prepared.run))
    again = desk.environment(prepared)
    assert again.packages == prepared.environment.packages
    assert Path(again.path, "bin", "python").exists()
    # What a model works in is provided in the same way.
    assert storage.remove_unused(desk.settings, days=0) == 1
    assert Path(desk.provide(prepared).environment.path, "bin", "python").exists()


def test_an_environment_that_would_be_another_today_sends_the_run_back(begun):
    prepared, desk = begun
    stale = replace(
        prepared.environment,
        key="0" * 32,
        path=str(storage.locate_environment(desk.settings, "0" * 32) / "venv"),
    )
    with pytest.raises(CacheGone) as problem:
        desk.environment(replace(prepared, environment=stale))
    assert problem.value.made_by == "environment"


def test_a_mirror_that_is_gone_sends_the_run_back_to_its_checkout(begun):
    prepared, desk = begun
    shutil.rmtree(prepared.checkout.mirror)
    shutil.rmtree(desk.base_folder(prepared.run))
    with pytest.raises(CacheGone, match="is gone") as problem:
        worktree.open_tree(prepared.checkout, desk.base_folder(prepared.run))
    assert problem.value.made_by == "checkout"
    assert checkout.prepare_checkout(prepared.run, desk).commit == prepared.checkout.commit
    tree = worktree.open_tree(prepared.checkout, desk.base_folder(prepared.run))
    assert tree.read("till.py")
