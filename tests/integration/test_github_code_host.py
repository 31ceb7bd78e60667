"""A run on GitHub, part by part, against the simulator."""

from dataclasses import replace as replace_host
from urllib.parse import urlsplit

import pytest

from agent.errors import AccessLost, CodeHostUnavailable, Superseded
from agent.github.code_host import GithubCodeHost
from agent.models.intake import EarlierRun
from agent.models.record import replace
from agent.models.run import Reason
from agent.models.run_facts import Progress
from agent.publishing import status
from tests.integration import github_samples as samples
from tests.integration.github_samples import BRANCH, RUN_ID, outcome, proposal
from tests.simulator import actions, pull_actions


@pytest.mark.parametrize(
    ("taken_back", "told"),
    [
        (lambda issue, ann: actions.set_state(issue, "closed", ann), "closed"),
        (actions.lock, "locked"),
        (lambda issue, ann: actions.remove_label(issue, issue.labels[0], ann), "label mergewright"),
        (lambda issue, ann: issue.repository.issues.clear(), "transferred"),
    ],
)
def test_an_issue_that_is_taken_back_ends_the_run(scene, taken_back, told):
    taken_back(scene.issue, scene.world.user("ann"))
    with pytest.raises(Superseded, match=told):
        scene.code_host.read_ticket(scene.run)


def test_a_strangers_comment_that_quotes_the_marker_is_never_adopted(scene):
    quoted = f"<!-- mergewright:status run={RUN_ID} -->\nI am the bot"
    theirs = actions.comment(scene.issue, scene.world.user("ann"), quoted)
    status.announce(scene.run, scene.desk)
    status.report_outcome(scene.run, outcome(Reason.NEW_FAILURES, "red"), scene.desk)
    assert theirs.body == quoted
    assert len(scene.own_comments()) == 1


def test_each_stage_shows_at_once_and_what_is_no_news_waits(scene):
    status.announce(scene.run, scene.desk)
    for count in (1, 2):
        scene.code_host.update_status(scene.run, f"stage {count}", is_news=True)
        assert f"stage {count}" in scene.own_comments()[0].body
        scene.code_host.update_status(scene.run, f"stage {count}, 300 s", is_news=False)
    assert scene.asked("PATCH") == 2


def test_after_what_a_run_waits_for_nothing_of_this_attempt_shows(scene):
    status.announce(scene.run, scene.desk)
    scene.code_host.update_status(scene.run, "It waits.", is_news=False, is_last=True)
    scene.code_host.update_status(scene.run, "It works.", is_news=True)
    assert "It waits." in scene.own_comments()[0].body


def test_a_dry_run_writes_nothing_on_the_issue(scene):
    run = replace(scene.run, dry_run=True)
    scene.code_host.read_ticket(run)
    status.announce(run, scene.desk)
    scene.code_host.update_status(run, "It works.", is_news=True)
    for reason in (Reason.DRY_RUN, Reason.NEW_FAILURES, Reason.SUPERSEDED):
        ended = outcome(reason, "the text")
        assert status.report_outcome(run, ended, scene.desk) == ended
    assert scene.issue.comments == []
    assert scene.issue.reactions == []
    assert scene.labels() == {"mergewright"}
    assert [write["path"] for write in scene.writes if "access_tokens" not in str(write)] == []


def test_an_end_that_the_comment_cannot_show_is_delivered_again(scene):
    status.announce(scene.run, scene.desk)
    for method, place in (("PATCH", "issues/comments/*"), ("POST", "issues/*/comments")):
        scene.fault("answer", method, place, status=503, count=None)
    with pytest.raises(CodeHostUnavailable):
        status.report_outcome(scene.run, outcome(Reason.NEW_FAILURES, "red"), scene.desk)
    by_command = replace(scene.run, snapshot=replace(scene.run.snapshot, by_label=False))
    told = status.report_outcome(by_command, outcome(Reason.NEW_FAILURES, "red"), scene.desk)
    assert told.sentence != "That is how it ended.", "it is told that the issue does not show it"
    scene.world.faults.remove()
    status.report_outcome(scene.run, outcome(Reason.NEW_FAILURES, "red"), scene.desk)
    assert "red" in scene.own_comments()[0].body


def test_every_attempt_goes_on_in_the_one_comment_of_the_issue(scene):
    status.announce(scene.run, scene.desk)
    status.report_outcome(
        scene.run, outcome(Reason.NEW_FAILURES, "## No branch\n\nRed."), scene.desk
    )
    (comment,) = scene.own_comments()
    later = "2027-01-01T00:00:00+00:00"
    second = replace(
        scene.run,
        run_id="20261120-120000-0123456789abcdef",
        snapshot=replace(scene.run.snapshot, approved_at=later),
    )
    again = GithubCodeHost(
        samples.connect_to_github(scene.settings, pacing=samples.QUICK), scene.settings
    )
    status.announce(second, replace_host(scene.desk, code_host=again))
    assert scene.own_comments() == [comment]
    assert comment.body.startswith(f"<!-- mergewright:status run={second.run_id} -->\n")
    assert "Red." not in comment.body
    earlier = scene.intake_api.find_earlier_run(second.snapshot)
    assert earlier == EarlierRun(run_id=second.run_id, over=False)
    assert scene.intake_api.find_earlier_run(scene.run.snapshot) is None


def test_a_stop_that_needs_a_person_is_a_new_comment_in_place_of_the_earlier_one(scene):
    status.announce(scene.run, scene.desk)
    (begun,) = scene.own_comments()
    stops = []
    for seconds in (1.0, 2.0):  # the second as after a kill, by another process
        end = outcome(Reason.NEW_FAILURES, f"red after {seconds} s")
        host = GithubCodeHost(
            samples.connect_to_github(scene.settings, pacing=samples.QUICK), scene.settings
        )
        host.update_status(scene.run, "It works.", is_news=True)
        status.report_outcome(scene.run, end, replace_host(scene.desk, code_host=host))
        (stop,) = scene.own_comments()
        stops.append(stop.id)
        assert f"@{scene.run.snapshot.actor} " in stop.body
        assert f"red after {seconds}" in stop.body
    assert stops[0] == stops[1] != begun.id
    # People let it go on, so that its next stop is another occasion.
    status.announce(scene.run, scene.desk)
    scene.desk.facts.progress = Progress(again=1)
    scene.code_host.update_status(scene.run, "It works.", is_news=True)
    assert [comment.id for comment in scene.own_comments()] == stops[:1]
    status.report_outcome(scene.run, outcome(Reason.NEW_FAILURES, "red again"), scene.desk)
    (again,) = scene.own_comments()
    assert again.id not in (begun.id, *stops)
    status.report_outcome(scene.run, outcome(Reason.CANCELLED, "stopped by maria"), scene.desk)
    assert [comment.id for comment in scene.own_comments()] == [again.id]


def test_a_token_reaches_no_other_repository(scene):
    other = scene.world.add_repository(f"{scene.owner}/secret", private=True)
    scene.installation.repository_ids = {scene.repository.id, other.id}
    token = scene.world.tokens[scene.code_host.create_credential(scene.run, write=True)]
    assert token.repository_ids == {scene.repository.id}
    wanted = {"metadata": "read", "contents": "write", "pull_requests": "write"}
    assert token.permissions == wanted
    reading = scene.world.tokens[scene.code_host.create_credential(scene.run, write=False)]
    assert reading.repository_ids == {scene.repository.id}
    assert reading.permissions["contents"] == "read"


def test_a_strangers_pull_request_for_our_branch_is_never_touched(scene):
    commit = samples.push_branch(scene.repository)
    theirs = pull_actions.open_pull(
        scene.repository, scene.world.user("ann"), title="Mine", body="mine",
        head=BRANCH, base="main", draft=False,
    )  # fmt: skip
    with pytest.raises(AccessLost, match="opened by `ann`, not by us"):
        scene.code_host.publish_pull_request(scene.run, proposal(commit))
    assert (theirs.issue.title, theirs.issue.body) == ("Mine", "mine")


def test_reviewers_and_labels_are_set_as_far_as_they_can_be(scene):
    commit = samples.push_branch(scene.repository)
    wanted = proposal(
        commit,
        reviewers=("ann", "nobody-here", "elsewhere/team", scene.login),
        labels=("bug", "x" * 60),
    )
    pull = scene.code_host.publish_pull_request(scene.run, wanted)
    (opened,) = scene.repository.pulls()
    assert [user.login for user in opened.pull.requested] == ["ann"]
    assert [label.name for label in opened.labels] == ["bug"]
    told = [note.split()[0] for note in pull.notes]
    assert sorted(told) == ["elsewhere/team", "nobody-here", "x" * 60]


def test_the_label_of_the_repositorys_configuration_starts_a_run(scene):
    text = '[tool.mergewright]\nlabel = "robot please"\nlimits = {runs_per_day = 2}\n'
    samples.put_file(scene.repository, "pyproject.toml", text)
    assert scene.intake_api.read_start_label(scene.run.snapshot.issue) == "robot please"
    before = scene.asked()
    assert scene.intake_api.read_runs_per_day(scene.run.snapshot.issue) == 2
    assert scene.asked() == before, "both are read at once"
    scene.code_host.read_ticket(scene.run)
    scene.issue.labels.clear()
    with pytest.raises(Superseded, match="The label robot please was removed"):
        scene.code_host.read_ticket(scene.run)


@pytest.mark.parametrize("place", ["{host}:1", "person:word@{host}:{port}", "elsewhere.example"])
def test_a_clone_address_on_another_port_or_with_a_user_gets_no_token(scene, place):
    api = urlsplit(scene.world.base_url)
    facts = {
        "id": scene.repository.id, "full_name": scene.name, "archived": False,
        "default_branch": "main",
        "clone_url": f"http://{place.format(host=api.hostname, port=api.port)}/shop/store.git",
    }  # fmt: skip
    scene.fault("answer", "GET", f"/api/v3/repos/{scene.name}", status=200, body=facts)
    with pytest.raises(AccessLost, match="No token was sent there") as refused:
        scene.code_host.find_remote(scene.run)
    assert "word" not in str(refused.value)
