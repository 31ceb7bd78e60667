"""What people's comments do, against the simulated GitHub and the real store."""

import itertools
import time
from datetime import UTC, datetime

import pytest

from agent.conversation.events import Comment
from agent.github.intake_api import GithubIntakeApi
from agent.models.outcome import Outcome, PullRequest
from agent.models.record import replace
from agent.models.run import Reason, Run, RunState, Wait
from agent.models.ticket import Guidance
from agent.service.comment_handler import CommentHandler
from agent.service.intake import Decision
from agent.store.sql_run_store import SqlRunStore
from tests.integration import github_samples as samples
from tests.integration.github_samples import Scene
from tests.simulator import actions

_deliveries = itertools.count(1)
PLAN = "1a2b3c4d"


@pytest.fixture
def scene(world, tmp_path) -> Scene:
    made = samples.scene(world, tmp_path)
    roles = made.repository.roles
    roles |= {"wanda": "write", "max": "maintain", "tria": "triage", "rita": "read"}
    return made


class Talk:
    """People who write comments, and the handler that reads them."""

    def __init__(self, scene: Scene, store: SqlRunStore) -> None:
        self.scene, self.store = scene, store
        self.comment_handler = CommentHandler(scene.intake_api, store, scene.settings)

    def write(self, body: str, by: str = "wanda", **more: object) -> Comment:
        """Write a comment on the issue; what a delivery would tell of it."""
        scene, author = self.scene, self.scene.world.user(by)
        with scene.world.lock:
            made = actions.comment(scene.issue, author, body)
        given = {
            "subject": scene.run.snapshot.issue,
            "on_pull": False,
            "place": "issue",
            "comment_id": made.id,
            "author": author.login,
            "author_id": author.id,
            "body": body,
            "at": datetime.fromtimestamp(made.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "clone_url": f"https://github.example/{scene.name}.git",
        }
        return Comment.model_validate({**given, **more})

    def hear(self, said: Comment) -> Decision:
        return self.comment_handler.handle(
            said, now=time.time(), delivery_id=f"guid-{next(_deliveries)}"
        )

    def say(self, body: str, by: str = "wanda", **more: object) -> Decision:
        return self.hear(self.write(body, by, **more))

    def reactions(self) -> list[str]:
        """List the reactions to the newest comment of a person."""
        own = self.scene.own_comments()
        newest = [comment for comment in self.scene.issue.comments if comment not in own][-1]
        return [reaction.content for reaction in newest.reactions]

    def answered(self) -> str:
        """Return our newest comment, without its marker."""
        return self.scene.own_comments()[-1].body.partition("\n")[2]

    def begun(self) -> Run:
        """Return a run of the issue that is with the engine."""
        run = self.store.add_run(self.scene.run, time.time())
        assert self.store.claim_run(time.time(), most=9) is not None
        return run

    def planned(self) -> Run:
        """Return a run that waits with its plan."""
        run = self.begun()
        self.ask(run, PLAN)
        return run

    def ask(self, run: Run, number: str) -> None:
        waits_for = {"reason": "a word is awaited", "begin_with": "approval", "plan_asked": number}
        self.store.postpone_run(run.run_id, Wait(until=time.time() + 9_000, **waits_for))

    def ended(self, reason: Reason, **more: object) -> Run:
        run = self.begun()
        outcome = replace(Outcome.for_stopped_run(run.run_id, reason, "So it ended."), **more)
        self.store.finish_run(run.run_id, outcome, time.time())
        return run

    def stands(self, run: Run) -> RunState:
        return self.store.get_run(run.run_id).state


@pytest.fixture
def talk(scene, store) -> Talk:
    return Talk(scene, store)


# --- who is heard ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "words"), [("tria", f"approve {PLAN}"), ("rita", "stop"), ("stranger", "unheard-of")]
)
def test_TC2_who_may_not_write_is_not_heard_and_gets_no_answer(talk, by, words):
    run = talk.planned()
    heard = talk.say(f"/mergewright {words}", by)
    assert heard.outcome == "ignored"
    assert (talk.reactions(), talk.scene.own_comments()) == ([], [])
    assert talk.stands(run) is RunState.AWAITING_APPROVAL
    assert talk.store.list_guidance(run.run_id) == ()


def test_TC4_a_command_that_was_deleted_before_it_is_heard_is_not_obeyed(talk):
    run = talk.planned()
    said = talk.write(f"/mergewright approve {PLAN}")
    with talk.scene.world.lock:
        talk.scene.issue.comments.pop()
    assert talk.hear(said).outcome == "ignored"
    assert talk.stands(run) is RunState.AWAITING_APPROVAL
    assert talk.scene.own_comments() == []


def test_TC8_a_stranger_who_goes_on_writing_is_looked_up_once(talk, monkeypatch):
    talk.planned()
    api, asked = talk.scene.intake_api, []
    read = api.read_permission
    monkeypatch.setattr(
        api, "read_permission", lambda issue, login: asked.append(login) or read(issue, login)
    )
    for words in ("Me too!", "/mergewright stop", "When will this be done?"):
        assert talk.say(words, "stranger").outcome == "ignored"
    assert asked == ["stranger"]


def test_TC3_our_own_words_and_those_of_an_account_that_has_the_name_now_are_not_heard(talk):
    talk.planned()
    for facts in ({"author": talk.scene.login}, {"author_id": 4711}):
        assert talk.say("/mergewright stop", **facts).outcome == "ignored"


@pytest.fixture
def listed(talk, tmp_path) -> Talk:
    """Only wanda and ann may start runs; max may write, and is not among them."""
    file, scene = tmp_path / "limits.yml", talk.scene
    file.write_text(f"organizations: {{{scene.owner}: {{start: [wanda, ann]}}}}\n")
    settings = replace(scene.settings, limits=file)
    talk.comment_handler = CommentHandler(
        GithubIntakeApi(scene.access, settings), talk.store, settings
    )
    return talk


def test_who_is_not_on_the_list_starts_nothing_is_told_once_and_can_stop(listed):
    run = listed.planned()
    for _ in range(2):
        heard = listed.say(f"/mergewright approve {PLAN}", "max")
        assert heard.outcome == "ignored"
        assert "max is not on the operator's list" in heard.reason
    (answer,) = listed.scene.own_comments()
    assert "`max` is not on the operator's list of people who may start runs" in answer.body
    listed.say(f"/mergewright approve {PLAN}", "wanda")
    assert [said.by for said in listed.store.list_guidance(run.run_id)] == ["wanda"]
    listed.say("/mergewright stop", "max")
    assert "max" in listed.store.get_run(run.run_id).stop_request


def test_what_people_ask_is_in_the_audit_log_once(talk):
    run = talk.planned()
    talk.say("Not a command.")
    approved = talk.write(f"/mergewright approve {PLAN}")
    for _ in range(2):
        talk.hear(approved)
    talk.say("/mergewright stop", "max")
    entries = list(talk.store.audit.list_after())
    assert [(entry.action, entry.by) for entry in entries] == [
        *(("start", "ann"), ("approval", "wanda"), ("stop", "max"))
    ]
    facts = {(entry.via, entry.run, entry.repository) for entry in entries}
    assert facts == {("github", run.run_id, talk.scene.name)}


# --- commands ----------------------------------------------------------------------------------


def test_words_under_a_plan_approve_nothing(talk):
    run = talk.planned()
    assert talk.say("Looks good, go ahead!").outcome == "ignored"
    assert talk.reactions() == ["confused"]
    assert talk.store.list_guidance(run.run_id) == ()


def test_TC4_a_plan_that_was_changed_is_approved_by_number_alone(talk):
    run = talk.planned()
    talk.say("/mergewright plan leave the admin out")
    (said,) = talk.store.list_guidance(run.run_id)
    assert (said.kind, said.words) == ("change", "leave the admin out")
    assert talk.store.claim_run(time.time(), most=9) is None, "more may be written just now"
    again = talk.store.claim_run(time.time() + 60, most=9)
    assert again.begin_with == ""
    talk.ask(run, "5e6f7a8b")
    talk.say(f"/mergewright approve {PLAN}")
    assert "`5e6f7a8b`" in talk.answered()
    talk.say("/mergewright approve `5e6f7a8b`. Thanks!")
    assert [one.kind for one in talk.store.list_guidance(run.run_id)] == ["change", "approval"]


@pytest.mark.parametrize(
    ("kind", "begins", "ending", "clock"),
    [
        ("change", "", "approval", -9_000.0),
        ("approval", "approval", "silent forge", 9_000.0),
    ],
)
def test_what_is_said_while_a_run_looks_is_not_lost(talk, kind, begins, ending, clock):
    run = talk.planned()
    assert talk.store.claim_run(time.time() + 99_999, most=9) is not None
    said = Guidance(kind=kind, words=PLAN, by="wanda", at="2026-11-20T10:00:00Z", comment="issue:1")
    assert talk.store.add_guidance(run.run_id, said, time.time() + clock) == "heard"
    if ending == "approval":
        talk.ask(run, PLAN)
    else:
        silent = Wait(reason="silent", until=time.time() - 1, begin_with="approval")
        talk.store.postpone_run(run.run_id, silent)
    again = talk.store.claim_run(time.time(), most=9)
    assert again is not None
    assert again.begin_with == begins


def test_GH8_whoever_answers_every_word_of_ours_gets_ten_and_then_a_sign_alone(talk):
    for cycle in range(12):
        talk.say(f"/mergewright nonsense\n\n(cycle {cycle})")
        assert len(talk.reactions()) == 1
    assert len(talk.scene.own_comments()) == 10


def test_a_stop_beats_whatever_the_run_waits_for(talk):
    run = talk.planned()
    talk.store.claim_run(time.time() + 99_999, most=9)
    talk.say("/mergewright stop")
    talk.ask(run, PLAN)
    assert talk.store.claim_run(time.time(), most=0) is not None, "it only has to say so"
    talk.say(f"/mergewright approve {PLAN}")
    assert [one.words for one in talk.store.list_guidance(run.run_id)] == ["stop"]


def test_a_word_that_was_written_before_the_run_is_not_about_it(talk):
    early = talk.write("/mergewright stop")
    snapshot = replace(talk.scene.run.snapshot, approved_at="2037-01-01T00:00:00Z")
    run = talk.store.add_run(replace(talk.scene.run, snapshot=snapshot), time.time())
    assert talk.hear(early).outcome == "ignored"
    assert talk.store.get_run(run.run_id).stop_request is None


# --- runs that commands begin ------------------------------------------------------------------


def test_a_run_begins_with_the_text_as_it_stands(talk):
    talk.ended(Reason.NEW_FAILURES)
    scene = talk.scene
    with scene.world.lock:
        actions.edit(scene.issue, scene.world.user("ann"), title="Another title")
    time.sleep(1.1)
    begun = talk.say("/mergewright plan")
    assert begun.outcome == "accepted"
    assert (begun.run.attempt, begun.run.plan_first) == (2, True)
    snapshot = begun.run.snapshot
    assert (snapshot.title, snapshot.actor, snapshot.by_label) == ("Another title", "wanda", True)
    assert talk.reactions() == ["+1"]


def test_TC4_a_text_that_was_edited_after_the_command_is_not_taken(talk):
    said = talk.write("/mergewright retry")
    scene = talk.scene
    with scene.world.lock:
        actions.edit(scene.issue, scene.world.user("ann"), body="Something else.")
    assert talk.hear(said).outcome == "heard"
    assert talk.reactions() == ["confused"]
    assert talk.store.list_latest(9) == ()


# --- answers -----------------------------------------------------------------------------------


def test_an_answer_lets_a_run_go_on_from_its_top(talk):
    run = talk.ended(Reason.UNCLEAR)
    assert talk.say("It is till/count.py.").outcome == "heard"
    assert talk.reactions() == ["eyes"]
    assert talk.store.claim_run(time.time(), most=9) is None, "more may be written just now"
    assert talk.say("And the other one as well.", "max").outcome == "heard"
    again = talk.store.claim_run(time.time() + 60, most=9)
    assert (again.run.run_id, again.begin_with) == (run.run_id, "")
    said = talk.store.list_guidance(run.run_id)
    assert [(one.kind, one.by) for one in said] == [("answer", "wanda"), ("answer", "max")]


def test_an_answer_counts_that_comes_before_the_run_that_asked_is_over(talk):
    run, told_at = talk.begun(), time.time()
    answer = talk.write("It is till/count.py.")
    assert talk.hear(answer).outcome == "postponed"
    outcome = Outcome.for_stopped_run(run.run_id, Reason.UNCLEAR, "Which one?")
    told = replace(outcome, figures=replace(outcome.figures, told_at=told_at))
    talk.store.finish_run(run.run_id, told, told_at + 40)
    assert talk.hear(answer).outcome == "heard"
    assert [one.words for one in talk.store.list_guidance(run.run_id)] == [answer.body]


def test_TC4_what_is_said_while_a_run_is_at_work_is_dropped(talk):
    run = talk.begun()
    said = talk.write("Also rewrite the admin.", at="2026-11-20T10:00:01Z")
    assert talk.hear(said).outcome == "ignored"
    assert talk.store.list_guidance(run.run_id) == ()
    assert talk.reactions() == []


# --- the pull request ----------------------------------------------------------------------------


@pytest.fixture
def opened(talk) -> Run:
    """A run that has opened pull request 40."""
    pull = PullRequest(number=40, url="https://github.example/40")
    return talk.ended(Reason.READY, pull_request=pull, commit="a" * 40)


def _remark(talk, body="Please rename it.", by="wanda", **more):
    """Write in the pull request; by default on a line."""
    subject = replace(talk.scene.run.snapshot.issue, number=40, issue_id=940)
    given = {"subject": subject, "on_pull": True, "place": "inline", **more}
    return talk.say(body, by, **given)


def _rounds(talk, run):
    found = talk.store.follow_ups(run.run_id)
    return [(one.run.follow_up.kind, one.run.follow_up.by, one.active) for one in found]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("Please rename it.", {}),
        ("Not like this.", {"place": "review", "verdict": "changes_requested"}),
        ("@MERGE, could you?", {"place": "issue"}),
        ("@hal, @MERGE shall rename it.", {"place": "issue"}),
    ],
)
def test_what_people_ask_of_a_pull_request_is_followed_up(talk, opened, words, more):
    login = next(iter(talk.scene.intake_api.own_logins())).removesuffix("[bot]")
    words = words.replace("@MERGE", f"@{login.upper()}").replace("@merge", f"@{login}")
    assert _remark(talk, words, **more).outcome == "heard"
    assert _rounds(talk, opened) == [("review", "", True)]
    assert talk.scene.own_comments() == []
    assert talk.store.claim_run(time.time() + 50, most=9) is None, "a quiet minute"
    assert talk.store.claim_run(time.time() + 61, most=9).run.follow_up.pull == 40


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("Nice work!", {"place": "review", "verdict": "approved"}),
        ("@hal, what do you think of it?", {"place": "issue"}),
        ("Please rename it.", {"by": "tria", "place": "issue"}),
        ("Please rename it.", {"by": "tria"}),
    ],
)
def test_other_words_are_not(talk, opened, words, more):
    login = next(iter(talk.scene.intake_api.own_logins())).removesuffix("[bot]")
    assert _remark(talk, words.format(login), **more).outcome == "ignored"
    assert _rounds(talk, opened) == []


@pytest.mark.parametrize(
    ("command", "kind", "on_pull"), [("fix-ci", "ci", True), ("rebase", "update", False)]
)
def test_a_follow_up_is_commanded_from_either_place(talk, opened, command, kind, on_pull):
    if on_pull:
        _remark(talk, f"/mergewright {command}", place="issue")
    else:
        talk.say(f"/mergewright {command}")
    assert _rounds(talk, opened) == [(kind, "wanda", True)]
    assert talk.reactions() == ["+1"]
    assert talk.store.claim_run(time.time() + 1, most=9).run.follow_up.kind == kind


# --- two people at once ------------------------------------------------------------------------


def approve(talk: Talk) -> tuple[str, str]:
    return f"/mergewright approve {PLAN}", "wanda"


def change(talk: Talk) -> tuple[str, str]:
    return "/mergewright plan do otherwise", "max"


def stop(talk: Talk) -> tuple[str, str]:
    return "/mergewright stop", "max"


@pytest.mark.parametrize(
    ("first", "second", "ends", "signs"),
    [
        (approve, change, "approved", ["+1", "confused"]),
        (change, approve, "changed", ["+1", "confused"]),
        (approve, stop, "stopped", ["+1", "+1"]),
        (approve, approve, "approved", ["+1", "+1"]),
    ],
    ids=lambda given: given.__name__ if callable(given) else None,
)
def test_two_people_who_command_at_once_have_one_effect_and_each_is_told(
    talk, first, second, ends, signs
):
    run = talk.planned()
    # Both have seen the same plan, and neither the other's word.
    said = [talk.write(*one(talk)) for one in (first, second)]
    for one in (*said, *said):  # each comes twice
        talk.hear(one)
    stored = talk.store.get_run(run.run_id)
    found = {
        comment.id: [each.content for each in comment.reactions]
        for comment in talk.scene.issue.comments
    }
    assert [found[one.comment_id] for one in said] == [[sign] for sign in signs]
    kinds = [one.kind for one in talk.store.list_guidance(run.run_id)]
    assert (stored.stop_request is not None) == (ends == "stopped")
    assert ("change" in kinds) == (ends == "changed")
    if ends == "approved":
        assert kinds[0] == "approval"
        assert stored.stop_request is None
    assert len(talk.scene.own_comments()) == signs.count("confused")
