"""Publish: what is made where, in which order, and what never leaves."""

import base64
import dataclasses
import threading

import pytest

from agent.errors import (
    AccessLost,
    AgentError,
    CodeHostLimited,
    PolicyRefused,
    StorageFull,
    Superseded,
)
from agent.git import worktree
from agent.models.outcome import PullRequest
from agent.models.record import replace
from agent.models.run import RunState
from agent.text.redaction import REMOVED
from repo_config.schema import RepoConfig
from tests.fakes import FakeCodeHost
from tests.integration import github_samples
from tests.integration.git_samples import git
from tests.unit.stages import code_host_runs as runs

SECRET = "Zk3mQ9wLx7Tn2Rb8Vc5Yd1Hf"


def code_host(**facts):
    return FakeCodeHost(runs.TICKET, remote=runs.REMOTE, **facts)


@pytest.fixture(autouse=True)
def _pushed(monkeypatch):
    runs.record_pushes(monkeypatch)


@pytest.fixture
def made(tmp_path, home):
    there, base = code_host(), runs.prepared(tmp_path / "app", home)
    return there, base, runs.services(home, there)[0]


def test_a_passing_change_becomes_a_pull_request(tmp_path, home):
    there, base = code_host(), runs.prepared(tmp_path / "app", home)
    desk, said = runs.services(home, there, dashboard_url="https://runs.example")
    outcome = runs.publish_change(base, runs.decided(base), desk)

    assert there.calls == ["remote", "ticket", "credential", "ticket", "propose"]
    (branch, message, _), proposal = there.commits[0], there.proposals[0]
    assert branch == "mergewright/42-log-instead-of-printing-a1b2c3"
    assert message == "Log instead of printing\n\nLog, do not print (#42).\n"
    assert (proposal.branch, proposal.commit) == (branch, outcome.commit)
    assert (proposal.base_branch, proposal.title) == ("main", "Log instead of printing")
    assert outcome.state is RunState.OPEN
    assert outcome.pull_request == PullRequest(
        number=100, url="https://forge.example/shop/app/pull/100"
    )
    assert outcome.files.text == proposal.body
    assert "pull request https://forge.example/shop/app/pull/100" in said
    assert proposal.checked
    assert "(https://runs.example/runs/20261120-120000-a1b2c3d4/log)" in proposal.body
    assert str(home) not in proposal.body


class Hosted(FakeCodeHost):
    """Pushes go to a real git server; what comes at a reading of the ticket is told to it."""

    def __init__(self, github, between, at):
        super().__init__(runs.TICKET, remote=github.code_host.find_remote(github.run))
        self._github = github
        self._between, self._at = between, at

    def create_credential(self, run, *, write):
        return self._github.code_host.create_credential(self._github.run, write=write)

    def read_ticket(self, run):
        found = super().read_ticket(run)
        if self.calls.count("ticket") == self._at:
            self._between(self)
        return found


@pytest.fixture
def hosted(tmp_path, home):
    """Publish on a real git server; give what it raised, and what is there then."""
    with github_samples.serving_world(tmp_path / "world") as world:
        github = github_samples.scene(world, tmp_path)

        def publish_with(between=lambda there: None, there=None, stopped=None, at=1):
            there = there or Hosted(github, between, at)
            base = runs.prepared(tmp_path / "app", home)
            token = there.create_credential(base.run, write=False)
            url = github.code_host.find_remote(github.run).url
            fetched = worktree.prepare_remote(url, token, "main", home / "mirrors")
            base = replace(base, checkout=fetched)
            desk, said = runs.services(home, there)
            desk = publish_with.desk = dataclasses.replace(desk, stopped=stopped or desk.stopped)
            decided = runs.decided(base, path="new.py", before=None)
            try:
                ended = runs.publish_change(base, decided, desk)
            except AgentError as problem:
                ended = problem
            return ended, there, said

        publish_with.github = github
        publish_with.heads = lambda: heads(github)
        yield publish_with


def heads(github):
    listed = git(github.repository.git_dir, "for-each-ref", "--format=%(refname)", "refs/heads")
    return {name.removeprefix("refs/heads/") for name in listed.split()}


def closed(there):
    raise Superseded("Issue #42 was closed; nothing was done.")


@pytest.mark.parametrize("is_pushed", [False, True])
def test_GH7_an_issue_that_is_closed_meanwhile_gets_no_pull_request(hosted, is_pushed):
    ended, there, _ = hosted(closed, at=1 + is_pushed)
    assert isinstance(ended, Superseded)
    assert there.proposals == []
    assert hosted.heads() - {"main"} == ({ended.branch} if is_pushed else set())
    assert (ended.branch or "Issue #42 was closed") in ended.message
    repeated, _, _ = hosted(closed, at=1)
    assert repeated.branch == ended.branch, "as after a kill"


def test_GH7_a_pull_request_that_was_merged_meanwhile_gets_its_branch_not_back(hosted):
    first, there, _ = hosted()
    where = hosted.github.repository.git_dir
    git(where, "update-ref", "-d", f"refs/heads/{first.branch}")
    there.has_open_pull_request = lambda run, branch: (
        False
    )  # it is open no more, though it was proposed
    there.read_ticket = lambda run: closed(there)
    again, _, _ = hosted(there=there)
    assert isinstance(again, Superseded)
    assert hosted.heads() == {"main"}


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (AccessLost("Pull requests are not for us."), AccessLost),
        (CodeHostLimited("GitHub asks us to wait.", until=5.0), CodeHostLimited),
        (OSError(28, "No space left on device"), StorageFull),
    ],
    ids=["refused", "postponed", "disk full"],
)
def test_what_fails_after_the_push_names_the_branch(tmp_path, home, problem, kind):
    class Closing(FakeCodeHost):
        def publish_pull_request(self, run, proposal):
            raise problem

    there = Closing(runs.TICKET, remote=runs.REMOTE)
    base = runs.prepared(tmp_path / "app", home)
    desk, _ = runs.services(home, there)
    with pytest.raises(kind) as raised:
        runs.publish_change(base, runs.decided(base), desk)
    ((branch, _, _),) = there.commits
    assert raised.value.branch == branch
    assert raised.value.commit
    assert branch in raised.value.message
    assert getattr(raised.value, "until", 5.0) == 5.0


@pytest.mark.parametrize(("actor", "asked"), [("grace", ("grace",)), ("", ())])
def test_who_set_the_label_is_asked_to_review_if_anybody_did(tmp_path, home, actor, asked):
    there, base = code_host(), runs.prepared(tmp_path / "app", home)
    snapshot = replace(base.run.snapshot, actor=actor)
    base = replace(base, run=replace(base.run, snapshot=snapshot))
    desk, _ = runs.services(home, there)
    runs.publish_change(base, runs.decided(base), desk)
    assert there.proposals[0].reviewers == asked


def test_wishes_of_the_configuration_are_handed_on(tmp_path, home):
    config = RepoConfig.model_validate(
        {
            "pull_request": {
                "draft": True,
                "reviewers": ["ada", "shop/core"],
                "labels": ["bot"],
                "branch_prefix": "auto/",
                "sign_off": "always",
            }
        },
        strict=False,
    )
    there, base = code_host(), runs.prepared(tmp_path / "app", home, config=config)
    desk, _ = runs.services(home, there)
    outcome = runs.publish_change(base, runs.decided(base), desk)
    proposal = there.proposals[0]
    assert (proposal.draft, proposal.reviewers, proposal.labels) == (
        True,
        ("ada", "shop/core"),
        ("bot",),
    )
    assert proposal.branch.startswith("auto/42-")
    assert there.commits[0][1].endswith(
        f"Signed-off-by: {runs.REMOTE.author} <{runs.REMOTE.email}>\n"
    )
    assert outcome.pull_request.draft


def dressed():
    return {
        "plain": SECRET,
        "base64": base64.b64encode(f"x{SECRET}y".encode()).decode(),
        "split": " ".join(SECRET),
    }


@pytest.mark.parametrize("dress", dressed())
def test_TC6_a_secret_in_the_change_stops_the_run_before_the_push(made, dress):
    there, base, desk = made
    desk.redactor.learn(SECRET)
    after = f"x = 1\n\nENV = '{dressed()[dress]}'\n".encode()
    with pytest.raises(PolicyRefused) as raised:
        runs.publish_change(base, runs.decided(base, after=after), desk)
    assert [(finding.path, finding.line) for finding in raised.value.findings] == [("a.py", 3)]
    assert dressed()[dress] not in raised.value.message
    assert there.calls == ["remote"]


@pytest.mark.parametrize("dress", dressed())
def test_TC6_a_secret_in_title_tests_or_log_leaves_nowhere(made, dress):
    shown = dressed()[dress]
    there, base, desk = made
    desk.redactor.learn(SECRET)
    red = replace(runs.TESTS, gone=(f"test[{shown}]",), reason=shown)
    outcome = runs.publish_change(
        base, runs.decided(base, title=f"Show {shown}", compared=(red,)), desk
    )
    proposal, (branch, message, _) = there.proposals[0], there.commits[0]
    for text in (branch, message, proposal.model_dump_json(), outcome.model_dump_json()):
        assert desk.redactor.find_known(text) == ()
    assert REMOVED in proposal.title
    assert REMOVED in message


def test_a_pull_request_of_an_earlier_attempt_is_the_outcome_though_the_run_is_stopped(hosted):
    first, there, _ = hosted()
    stopped = threading.Event()
    stopped.set()
    again, _, _ = hosted(there=there, stopped=stopped)
    assert again == first
    assert hosted.heads() == {"main", first.branch}
