"""A repository without a configuration is asked once, and its answer is gone by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import OwnerAwaited, RepositoryUnfit
from agent.models.code_host import Onboarding
from agent.onboarding import facts, pull_request
from agent.stages import onboard
from agent.testing import FakeCodeHost
from repo_config import load
from tests.unit.stages import code_host_runs

FILES = {
    "mypy.ini": "[mypy]\n",
    "app/a.py": "import httpx\n",
    "requirements.txt": "httpx\n",
    "tests/test_x.py": "def test_x():\n    pass\n",
}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    code_host_runs.record_pushes(monkeypatch)
    made = code_host_runs.prepared(tmp_path / "repo", tmp_path / "home", FILES)
    code_host = FakeCodeHost(code_host_runs.TICKET, remote=code_host_runs.REMOTE)
    services, said = code_host_runs.services(tmp_path / "home", code_host, onboarding="wait")
    return made, code_host, services, said


def settle(asked, **changed):
    made, _, services, _ = asked
    contract = made.contract.model_copy(update=changed)
    return onboard.settle_onboarding(made.run, made.checkout, contract, services)


def answered(asked, state: str, *, head: str | None = None) -> None:
    made, code_host, _, _ = asked
    code_host.onboarded = Onboarding(
        number=100, url="https://forge.example/100", state=state, head=head or made.checkout.commit
    )


def test_the_first_run_proposes_a_file_that_is_valid_and_waits(asked):
    made, code_host, _, said = asked
    with pytest.raises(OwnerAwaited) as waits:
        settle(asked)
    assert waits.value.again == ""
    [(branch, _, change)] = code_host.commits
    assert (branch, change.base_commit) == ("mergewright/onboarding", made.checkout.commit)
    [file] = change.files
    assert file.path == ".github/mergewright.yml"
    config = load.from_text(file.after.decode(), file.path)
    assert (config.http_client, config.checks.types.tool) == ("httpx", "mypy")
    [proposal] = code_host.proposals
    assert (proposal.branch, proposal.base_branch) == (branch, "main")
    assert code_host.told == [pull_request.WAITING]
    (line,) = said
    assert "https://forge.example/shop/app/pull/100" in line


def test_runs_go_on_while_it_is_open_unless_the_operator_wants_them_to_wait(asked):
    made, code_host, services, _ = asked
    services = replace(services, settings=services.settings.model_copy(update={"onboarding": "on"}))
    assert (
        onboard.settle_onboarding(made.run, made.checkout, made.contract, services) == "to be asked"
    )
    assert code_host.proposals == []
    facts.store_facts(
        services.settings.home, made.run.repository, {"setup": ["mkdir data"]}, "measured"
    )
    for _ in range(2):
        onboard.propose_configuration(made, services)
        assert onboard.settle_onboarding(made.run, made.checkout, made.contract, services) == "open"
    assert b'setup: ["mkdir data"]' in code_host.commits[0][2].files[0].after
    assert len(code_host.proposals) == len(code_host.commits) == 1
    assert code_host.told == []
    answered(asked, "merged", head="f" * 40)
    with pytest.raises(OwnerAwaited) as again:
        onboard.settle_onboarding(made.run, made.checkout, made.contract, services)
    assert again.value.again == "checkout"


def test_a_closed_one_is_told_once_and_what_is_detected_holds(asked):
    with pytest.raises(OwnerAwaited):
        settle(asked)
    answered(asked, "closed")
    assert settle(asked) == settle(asked) == "closed"
    assert asked[1].told == [pull_request.WAITING, pull_request.CLOSED]


def test_commands_dry_runs_and_operators_who_want_none_ask_nobody(asked):
    made, code_host, services, said = asked
    snapshot = made.run.snapshot.model_copy(update={"by_label": False})
    for run in (
        made.run.model_copy(update={"dry_run": True}),
        made.run.model_copy(update={"snapshot": snapshot}),
        made.run.model_copy(update={"snapshot": None}),
    ):
        assert onboard.settle_onboarding(run, made.checkout, made.contract, services) == "not asked"
    off, _ = code_host_runs.services(services.settings.home, code_host, onboarding="off")
    assert onboard.settle_onboarding(made.run, made.checkout, made.contract, off) == "not asked"
    assert (code_host.calls, said) == ([], [])


@pytest.mark.parametrize("onboarding", ["on", "wait"])
def test_a_proposal_that_cannot_be_made_is_a_note_and_ends_no_run(asked, monkeypatch, onboarding):
    def push(*_: object, **__: object) -> None:
        raise RepositoryUnfit("The branch `mergewright` is in the way.")

    monkeypatch.setattr(onboard.worktree, "push_commit", push)
    made, code_host, services, said = asked
    settings = services.settings.model_copy(update={"onboarding": onboarding})
    services = replace(services, settings=settings)
    if onboarding == "wait":
        found = onboard.settle_onboarding(made.run, made.checkout, made.contract, services)
    else:
        found = onboard.propose_configuration(made, services)
    assert (found, code_host.proposals) == ("not possible", [])
    assert said[-1].endswith("The branch `mergewright` is in the way.")


def test_a_branch_that_an_earlier_run_has_left_is_proposed_as_it_is(asked, monkeypatch):
    def push(*_: object, taken, **__: object) -> None:
        taken("mergewright/onboarding")

    monkeypatch.setattr(onboard.worktree, "push_commit", push)
    with pytest.raises(OwnerAwaited):
        settle(asked)
    assert [one.branch for one in asked[1].proposals] == ["mergewright/onboarding"]
