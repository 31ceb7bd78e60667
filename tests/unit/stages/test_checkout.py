"""What a run takes from the configuration at the base commit, and where it says nothing."""

import pytest

from agent.stages import checkout
from tests.fakes import FakeCodeHost
from tests.unit.stages import code_host_runs as runs


def contract(tmp_path, home, files):
    base = runs.prepared(tmp_path / "app", home, files)
    desk, _ = runs.services(home, FakeCodeHost(runs.TICKET))
    return checkout.read_contract(base.run, base.checkout, desk)


def test_the_one_folder_that_declares_a_project_is_its_root_unless_paths_are_configured(
    tmp_path, home
):
    files = {"api/pyproject.toml": "", "api/tests/test_a.py": ""}
    assert contract(tmp_path / "a", home, files).project.root == "api"
    files[".github/mergewright.yml"] = "setup: [mkdir data]\n"
    assert contract(tmp_path / "b", home, files).project.root == ""


@pytest.mark.parametrize(
    ("setting", "allowed"), [("repository", {"a.example:443"}), ("listed", set())]
)
def test_indexes_that_the_base_commit_names_are_allowed(tmp_path, home, setting, allowed):
    files = {"requirements.txt": "-f https://a.example:443/x"}
    base = runs.prepared(tmp_path / "app", home, files)
    desk, _written = runs.services(home, FakeCodeHost(runs.TICKET), index_hosts=setting)
    project = checkout.read_contract(base.run, base.checkout, desk).project
    assert {*project.index_hosts} == allowed
