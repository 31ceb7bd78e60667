"""What GitHub does to us: lost replies, limits, garbage, access taken away; no secret shows."""

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from github import Requester

from agent.errors import AccessLost, CodeHostLimited, CodeHostUnavailable, SettingsInvalid
from agent.github import tokens
from agent.github.connection import Pacing
from agent.github.tokens import TokenScope
from agent.models.outcome import PullRequest
from agent.models.record import replace
from agent.models.run import Reason
from agent.publishing import status
from tests.integration import github_samples as samples
from tests.integration.github_samples import BRANCH, Scene, outcome, proposal
from tests.simulator.world import APP_PERMISSIONS, make_key_pair


@pytest.fixture
def token_scene(world, tmp_path) -> Scene:
    return samples.scene(world, tmp_path, app=False)


def propose(scene: Scene, **more: object) -> PullRequest:
    commit = samples.push_branch(scene.repository)
    return scene.code_host.publish_pull_request(scene.run, proposal(commit, **more))


# --- GH1: a reply is lost on each kind of write ------------------------------------------------


@dataclass(frozen=True)
class Write:
    """One kind of write: how it is reached, and what shows that it was done once."""

    method: str
    path: str
    act: Callable[[Scene], object]
    effects: Callable[[Scene], object]
    expected: object
    before: Callable[[Scene], object] = lambda scene: None


def _begin(scene: Scene) -> None:
    status.announce(scene.run, scene.desk)


def _end_well(scene: Scene) -> None:
    status.report_outcome(scene.run, outcome(Reason.CANCELLED, "the end"), scene.desk)


def _mentions(scene: Scene, words: str) -> tuple[int, bool]:
    return len(scene.own_comments()), words in scene.own_comments()[0].body


def _change_proposal(scene: Scene) -> None:
    scene.code_host.publish_pull_request(
        scene.run, proposal(samples.head(scene.repository, BRANCH), title="Add two")
    )


WRITES = {
    "reaction": Write(
        "POST", "issues/1/reactions", _begin,
        lambda scene: [one.content for one in scene.issue.reactions], ["eyes"],
    ),
    "comment created": Write(
        "POST", "issues/1/comments", _begin, lambda scene: len(scene.own_comments()), 1,
    ),
    "comment edited": Write(
        "PATCH", "issues/comments/*", _end_well, lambda scene: _mentions(scene, "the end"),
        (1, True), before=_begin,
    ),
    "pull request opened": Write(
        "POST", "pulls", propose,
        lambda scene: (len(scene.repository.pulls()), len(scene.repository.check_runs)), (1, 1),
    ),
    "pull request edited": Write(
        "PATCH", "pulls/*", _change_proposal,
        lambda scene: [one.title for one in scene.repository.pulls()], ["Add two"],
        before=propose,
    ),
    "review asked for": Write(
        "POST", "pulls/*/requested_reviewers", lambda scene: propose(scene, reviewers=("ann",)),
        lambda scene: [one.login for one in scene.repository.pulls()[0].pull.requested], ["ann"],
    ),
    "pull request labelled": Write(
        "POST", "issues/2/labels", lambda scene: propose(scene, labels=("bug",)),
        lambda scene: [label.name for label in scene.repository.pulls()[0].labels], ["bug"],
    ),
    "token made": Write(
        "POST", "/api/v3/app/installations/*/access_tokens", _begin,
        lambda scene: len(scene.own_comments()), 1,
    ),
    "check reported": Write(
        "POST", "check-runs", propose, lambda scene: len(scene.repository.check_runs), 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *((name, {}) for name in WRITES),
        ("comment created", {"status": 502}),
        ("comment created", {"status": 201, "body": '{"id":'}),
    ],
)
def test_GH1_a_lost_reply_leaves_exactly_one_effect(world, tmp_path, name, more):
    write = WRITES[name]
    scene = samples.scene(world, tmp_path)
    write.before(scene)
    fault = scene.fault("lose_answer", write.method, write.path, **more)
    write.act(scene)
    assert fault.hits == 1
    assert write.effects(scene) == write.expected


# --- GH2: limits -------------------------------------------------------------------------------


def test_GH2_a_far_limit_ends_the_step_at_once_and_says_until_when(scene):
    scene.access.own_logins()
    told = {"Limit": "5000", "Remaining": "0", "Reset": str(int(time.time() + 3000))}
    headers = {f"X-RateLimit-{name}": value for name, value in told.items()}
    body = {"message": "API rate limit exceeded for installation ID 1."}
    more = {"status": 403, "headers": headers, "body": body, "count": None}
    fault = scene.fault("answer", "POST", "issues/1*", **more)
    with pytest.raises(CodeHostLimited) as caught:
        status.announce(scene.run, scene.desk)
    assert caught.value.until == pytest.approx(time.time() + 3000, abs=5)
    assert fault.hits == 2, "the reaction, and the comment"


# --- GH3: garbage ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("answer", {"status": 502, "body": "<html>Oops</html>"}),
        ("drop", {}),
        ("answer", {"status": 200, "body": {"id": "seven"}}),
    ],
)
def test_GH3_garbage_is_tried_a_few_times_then_told(scene, kind, more):
    fault = scene.fault(kind, "GET", "issues/1", count=None, **more)
    with pytest.raises(CodeHostUnavailable) as caught:
        scene.code_host.read_ticket(scene.run)
    assert not isinstance(caught.value, CodeHostLimited)
    assert 2 <= fault.hits <= 8


def test_GH3_a_redirect_elsewhere_takes_no_token_along(scene):
    elsewhere = {"Location": f"{scene.world.base_url}/api/v3/stolen"}
    scene.fault("answer", "GET", "issues/1", count=None, status=302, headers=elsewhere)
    with pytest.raises(AccessLost, match="redirected the request"):
        scene.code_host.read_ticket(scene.run)
    assert scene.asked("*", "/api/v3/stolen") == 0


# --- GH4: access lost --------------------------------------------------------------------------


def test_GH4_a_token_that_ends_mid_run_is_renewed_once(scene, monkeypatch):
    monkeypatch.setattr(tokens, "_NEW_SECONDS", 0.0)
    scene.code_host.read_ticket(scene.run)
    samples.expire_tokens(scene.world)
    status.announce(scene.run, scene.desk)
    assert len(scene.own_comments()) == 1


def test_GH4_a_new_token_that_github_does_not_know_yet_is_shown_again(scene, monkeypatch):
    monkeypatch.setattr(scene.world, "token_lag", 0.02)
    status.announce(scene.run, scene.desk)
    assert len(scene.own_comments()) == 1
    assert scene.asked("POST", "/api/v3/app/installations/*/access_tokens") == 1
    monkeypatch.setattr(scene.world, "token_lag", 60.0)
    with pytest.raises(CodeHostUnavailable, match="answered 401"):
        scene.code_host.read_ticket(scene.run)


def test_GH4_an_archived_repository_is_told_before_any_work(scene):
    scene.repository.archived = True
    with pytest.raises(AccessLost, match="archived on GitHub"):
        scene.code_host.find_remote(scene.run)
    with pytest.raises(AccessLost, match="archived on GitHub"):
        status.announce(scene.run, scene.desk)


@pytest.mark.parametrize(
    ("missing", "act"),
    [
        ("issues", lambda scene: status.announce(scene.run, scene.desk)),
        ("contents", lambda scene: scene.code_host.create_credential(scene.run, write=True)),
        ("pull_requests", lambda scene: scene.code_host.create_credential(scene.run, write=True)),
    ],
)
def test_a_permission_that_the_app_lacks_is_named(scene, missing, act):
    scene.installation.permissions = {
        name: level for name, level in APP_PERMISSIONS.items() if name != missing
    }
    with pytest.raises(AccessLost, match=f"permission {missing}: write") as caught:
        act(scene)
    assert scene.name in caught.value.message


def test_an_address_that_is_not_the_apis_is_told_with_the_right_form(scene):
    # An Enterprise server without /api/v3 answers with pages for people.
    settings = replace(scene.settings, github_url=scene.world.base_url)
    with pytest.raises(SettingsInvalid) as caught:
        samples.connect_to_github(settings, pacing=samples.QUICK).login()
    said = caught.value.message
    assert said.startswith(f"MERGEWRIGHT_GITHUB_URL: {scene.world.base_url} ")
    assert "https://HOST/api/v3" in said


# --- other GitHubs -----------------------------------------------------------------------------


def test_what_a_run_can_do_without_never_ends_it_and_is_noted(scene):
    reaction = scene.fault("answer", "POST", "issues/1/reactions", status=404)
    check = scene.fault("answer", "POST", "check-runs", status=422, body={"message": "no checks"})
    status.announce(scene.run, scene.desk)
    pull = propose(scene, labels=("bug",))
    assert (reaction.hits, check.hits) == (1, 1)
    (note,) = pull.notes
    assert "POST /repos/" in note
    assert "422: no checks" in note
    assert scene.repository.check_runs == {}


def test_the_key_of_the_app_is_read_again_when_its_file_has_changed(scene):
    """GitHub takes both keys until the old one is deleted there."""
    file, issue = scene.settings.github_private_key, scene.run.snapshot.issue

    def mint(purpose: str) -> str:
        return scene.access.open_session(issue, purpose).token(TokenScope.TALK)

    old_key, old_public = scene.app.private_key, scene.app.public_key
    assert mint("before")
    private, scene.app.public_key = make_key_pair()
    try:
        with pytest.raises(SettingsInvalid, match="PRIVATE_KEY_FILE"):
            mint("deleted at GitHub before the file has changed")
        file.write_text("half a key")
        with pytest.raises(SettingsInvalid, match="PRIVATE_KEY_FILE"):
            mint("while it is written")
        file.write_text(private)
        assert mint("after")
    finally:
        scene.app.private_key, scene.app.public_key = old_key, old_public


# --- UI6: nothing shows a secret ---------------------------------------------------------------


def test_UI6_no_token_in_log_record_address_or_text(scene, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    code_host, run = scene.code_host, scene.run
    code_host.read_ticket(run)
    status.announce(run, scene.desk)
    token = code_host.create_credential(run, write=True)
    propose(scene, body=f"The token is {token}.", title=f"Use {token}", summary=token)
    ended = outcome(text=f"https://x-access-token:{token}@host")
    status.report_outcome(run, ended, scene.desk)
    key = scene.settings.github_private_key.read_text()
    secrets = [*scene.world.tokens, key.splitlines()[5]]
    assert len(secrets) >= 5
    shown = [
        caplog.text,
        repr(scene.writes),
        *(f"{request.path}?{request.query} {request.body}" for request in scene.requests()),
        *(comment.body for comment in scene.issue.comments),
        repr(
            (
                code_host,
                vars(code_host),
                vars(scene.access),
                vars(scene.access.open_run_session(run)),
            )
        ),
    ]
    assert "api/v3" in caplog.text
    for secret in secrets:
        for text in shown:
            assert secret not in text
    (opened,) = scene.repository.pulls()
    assert opened.body == "The token is (secret removed)."


def test_UI6_a_server_that_repeats_our_token_does_not_make_us_show_it(token_scene):
    scene = token_scene
    token = scene.settings.github_token.get_secret_value()
    scene.fault("answer", "GET", "issues/1", status=403, body={"message": f"bad {token}"})
    with pytest.raises(AccessLost) as caught:
        scene.code_host.read_ticket(scene.run)
    told = "".join(traceback.format_exception(caught.value))
    assert token not in told
    assert "(secret removed)" in caught.value.message


def test_writes_go_on_at_once_when_the_clock_is_put_back(world, tmp_path, monkeypatch):
    scene = samples.scene(world, tmp_path, pacing=Pacing(seconds_between_writes=0.01))
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    for hours in (0, -7):
        there = datetime.now(UTC) + timedelta(hours=hours)
        monkeypatch.setattr(Requester, "datetime", SimpleNamespace(now=lambda _, at=there: at))
        assert scene.intake_api.set_label(scene.run.snapshot.issue, "bug")
    assert max(slept) <= 0.01
