"""A repository without a configuration is asked once, and no run waits for the answer."""

import pytest

from agent.editing.preparation import MeasuredBase
from agent.errors import RepositoryUnfit
from agent.models.checks import CheckItem, CheckReport, Status, TestRun
from agent.models.record import replace
from agent.stages import onboard
from repo_config import load
from tests.fakes import FakeCodeHost
from tests.unit.stages import code_host_runs

FILES = {
    "mypy.ini": "[mypy]\n",
    "app/a.py": "import httpx\n",
    "requirements.txt": "httpx\n",
    "tests/test_x.py": "def test_x():\n    pass\n",
}
RED = (
    CheckItem(item_id="test_x.py::test_x", outcome="passed"),
    CheckItem(item_id="test_x.py::test_no", outcome="failed"),
)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    code_host_runs.record_pushes(monkeypatch)
    made = code_host_runs.prepared(tmp_path / "repo", tmp_path / "home", FILES)
    code_host = FakeCodeHost(code_host_runs.TICKET, remote=code_host_runs.REMOTE)
    services, said = code_host_runs.services(tmp_path / "home", code_host)
    return made, code_host, services, said


def test_the_first_run_proposes_a_file_that_is_valid_and_no_other_does(asked):
    made, code_host, services, said = asked
    contract = made.contract
    found = replace(contract.config, setup=("mkdir data",))
    ready = replace(made, contract=replace(contract, config=found))
    suite = TestRun(name="tests", status=Status.FAILED, command=("pytest",), seconds=9.5, items=RED)
    base = CheckReport(side="base", commit=made.checkout.commit, results=(suite,))
    opened = made, MeasuredBase(ready, base)
    assert onboard.propose_configuration(*opened, services).endswith("/pull/100")
    [(branch, _, change)] = code_host.commits
    assert (branch, change.base_commit) == ("mergewright/onboarding", made.checkout.commit)
    [file] = change.files
    assert file.path == ".github/mergewright.yml"
    assert b"setup:\n  - mkdir data\n" in file.after
    config = load.from_text(file.after.decode(), file.path)
    assert config.checks.types == "mypy ."
    [asked_for] = code_host.proposals
    assert (asked_for.branch, asked_for.base_branch) == (branch, "main")
    assert asked_for.check_title == "", "nothing was checked on it"
    row = "| tests | `pytest` | 2 tests: 1 passed, 1 failed | 1 | 9.5 |"
    assert row in asked_for.body
    assert "- **failing: tests**: test\\_x.py::test\\_no" in asked_for.body
    (line,) = said
    assert "https://forge.example/shop/app/pull/100; the run continues without waiting" in line
    # Whatever became of it, nobody is asked again.
    assert onboard.propose_configuration(made, None, services) == "asked already"
    assert len(code_host.proposals) == len(code_host.commits) == 1


def test_commands_dry_runs_and_operators_who_want_none_ask_nobody(asked):
    made, code_host, services, said = asked
    snapshot = replace(made.run.snapshot, by_label=False)
    for run in (
        replace(made.run, dry_run=True),
        replace(made.run, snapshot=snapshot),
        replace(made.run, snapshot=None),
    ):
        other = replace(made, run=run)
        assert onboard.propose_configuration(other, None, services) == "not asked"
    off, _ = code_host_runs.services(services.settings.home, code_host, onboarding="off")
    assert onboard.propose_configuration(made, None, off) == "not asked"
    assert (code_host.calls, said) == ([], [])


def test_a_proposal_that_cannot_be_made_is_a_note_and_ends_no_run(asked, monkeypatch):
    def push(*_: object, **__: object) -> None:
        raise RepositoryUnfit("The branch `mergewright` is in the way.")

    monkeypatch.setattr(onboard.worktree, "push_commit", push)
    made, code_host, services, said = asked
    assert onboard.propose_configuration(made, None, services) == "not possible"
    assert code_host.proposals == []
    assert said[-1].endswith("The branch `mergewright` is in the way.")


def test_a_branch_that_an_earlier_run_has_left_is_proposed_as_it_is(asked, monkeypatch):
    def push(*_: object, taken, **__: object) -> None:
        taken("mergewright/onboarding")

    monkeypatch.setattr(onboard.worktree, "push_commit", push)
    made, code_host, services, _ = asked
    onboard.propose_configuration(made, None, services)
    assert [one.branch for one in code_host.proposals] == ["mergewright/onboarding"]
