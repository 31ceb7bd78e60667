"""Who may start a run, on which issue, and once only."""

import pytest

from agent.conversation.events import Request, Withdrawal
from agent.errors import AccessLost, ActiveRun
from agent.models.intake import LiveIssue, Permission
from agent.models.outcome import Outcome
from agent.models.record import replace
from agent.models.run import Reason, RunState, make_run_id
from agent.service import intake
from agent.store.sql_tables import RunRow
from tests.run_samples import run, snapshot

SNAPSHOT = snapshot(42)
ISSUE = SNAPSHOT.issue


def request(snapshot=SNAPSHOT, **changes):
    facts = {"label": "mergewright", "actor_is_bot": False, "clone_url": "https://h/o/r.git"}
    return Request(snapshot=snapshot, **{**facts, **changes})


def active(**changes):
    return run(42, run_id="other", **changes)


def stored(run, *, stopped=None, reason=None):
    outcome = Outcome.for_stopped_run(run.run_id, reason, "Over.") if reason else None
    return RunRow(
        run_id=run.run_id, run=run, state=outcome.state if outcome else RunState.EDITING, active=outcome is None,
        not_before=0.0, queued_at=0.0, started_at=0.0, ended_at=None, stop_request=stopped,
        outcome=outcome,
    )  # fmt: skip


class Gate:
    """A code host that answers as it was told."""

    def __init__(
        self, permission="write", label="mergewright", account_id=5, is_listed=True, **live
    ):
        self._permission = Permission(level=permission, account_id=account_id, is_listed=is_listed)
        self._label = label
        facts = {
            "issue": ISSUE, "state": "open", "locked": False, "labels": ("bug", "mergewright"),
            "title": "Add a field", "body": "nickname", "author": "carl",
            "updated_at": "2026-11-20T10:00:00Z", "url": "u",
        }  # fmt: skip
        self._live = LiveIssue(**{**facts, **live}) if live.get("state") != "gone" else None
        self.asked = []
        self.explained = []
        self.per_day = None

    def read_permission(self, issue, login):
        self.asked.append(login)
        return self._permission

    def read_start_label(self, issue):
        return self._label

    def read_runs_per_day(self, issue):
        return self.per_day

    def read_issue(self, issue):
        return self._live

    def own_logins(self):
        return frozenset({"mergewright[bot]"})

    def find_earlier_run(self, snapshot):
        return None

    def explain_refusal(self, issue, words, *, key):
        self.explained.append((words, key))


class Runs:
    """A store that remembers what was added and what was told to stop."""

    def __init__(self, active=None, last=None):
        self.added = []
        self.stopped = []
        self._active = active
        self._last = last or (active and stored(active))

    def find_newest_run(self, repository_id, number):
        assert (repository_id, number) == (7, 42)
        return self._last

    def request_stop(self, run_id, words, reason):
        self.stopped.append((run_id, words, reason))
        return True

    def add_run(self, run, now, *, delivery_id=None):
        if self._active:
            raise ActiveRun(self._active)
        self.added.append(run)
        return run


def reason(gate, **changes):
    runs = Runs()
    settled = intake.accept_request(request(**changes), gate, runs, now=1_700_000_000.5)
    assert runs.added == []
    assert settled.outcome == "ignored"
    return settled.reason


def test_a_label_by_somebody_who_is_not_on_the_operators_list_starts_nothing_and_says_so():
    gate = Gate(is_listed=False)
    assert "is not on the operator's list" in reason(gate)
    ((words, key),) = gate.explained
    assert "is not on the operator's list" in words
    assert key == "start-5"


@pytest.mark.parametrize("permission", ["admin", "write"])
def test_a_label_by_somebody_who_may_write_starts_a_run_on_the_labelled_text(permission):
    runs = Runs()
    settled = intake.accept_request(
        request(), Gate(permission, title="Edited"), runs, now=1_700_000_000.5
    )
    assert settled.outcome == "accepted"
    (run,) = runs.added
    assert settled.run == run
    assert run.snapshot.title == "Add a field"
    assert (run.ticket, run.repository) == ("#42", "https://h/o/r.git")
    assert run.run_id.startswith("20231114-221320-")


@pytest.mark.parametrize("permission", ["triage", "read"])
def test_TC1_a_label_by_anybody_else_starts_nothing(permission):
    gate = Gate(permission)
    assert f"permission {permission}" in reason(gate)
    assert len(gate.explained) == (permission == "triage")


@pytest.mark.parametrize("permission", ["admin", "triage"])
def test_TC1_a_name_that_another_account_has_by_now_lends_nobody_its_right(permission):
    gate = Gate(permission, account_id=6)
    assert "account 6 has that name" in reason(gate)
    assert gate.explained == []


def test_TC3_bots_start_nothing_and_nobody_is_asked():
    gate = Gate()
    assert "a bot" in reason(gate, actor_is_bot=True)
    assert gate.asked == []


@pytest.mark.parametrize(
    ("live", "words"),
    [
        ({"state": "closed"}, "closed"),
        ({"locked": True}, "locked"),
        ({"labels": ("bug",)}, "label was removed"),
        ({"is_pull_request": True}, "pull request"),
    ],
)
def test_WH6_an_issue_that_is_no_longer_as_labelled_starts_nothing(live, words):
    assert words in reason(Gate(**live))


@pytest.mark.parametrize("gate", [Gate("none", account_id=0), Gate(state="gone")])
def test_what_github_does_not_know_just_now_is_asked_again(gate):
    with pytest.raises(AccessLost):
        reason(gate)


# --- a label set anew, and what is taken back ---------------------------------------------------

LATER = replace(SNAPSHOT, approved_at="2026-11-20T10:00:07Z", body="surname")


def test_a_label_set_anew_for_the_same_text_lets_its_run_go_on():
    runs = Runs(active())
    again = replace(SNAPSHOT, approved_at=LATER.approved_at)
    settled = intake.accept_request(request(again), Gate(), runs, now=1.0)
    assert settled.outcome == "ignored"
    assert runs.stopped == []


@pytest.mark.parametrize(
    "under_way",
    [active(dry_run=True), active(snapshot=replace(SNAPSHOT, by_label=False))],
    ids=["dry run", "begun by a command"],
)
def test_a_label_stops_no_run_that_no_label_began(under_way):
    runs = Runs(under_way)
    settled = intake.accept_request(request(LATER), Gate(), runs, now=1.0)
    assert (settled.outcome, runs.stopped) == ("ignored", [])


@pytest.mark.parametrize("over", [True, False])
def test_PF6_a_label_that_arrives_after_a_later_one_starts_nothing(over):
    newer = replace(active(), snapshot=LATER)
    last = stored(newer, reason=Reason.READY if over else None)
    gate, runs = Gate(), Runs(None if over else newer, last=last)
    settled = intake.accept_request(request(), gate, runs, now=1.0)
    assert settled.outcome == "ignored"
    assert (runs.added, runs.stopped, gate.asked) == ([], [], [])


WITHDRAWAL = Withdrawal(issue=ISSUE)


@pytest.mark.parametrize(
    ("live", "words"),
    [
        ({"state": "gone"}, "Issue #42 was deleted or transferred, or its repository renamed"),
        ({"state": "closed"}, "Issue #42 was closed"),
        ({"locked": True}, "Issue #42 was locked"),
        ({"labels": ("bug",)}, "The label mergewright was removed from issue #42"),
    ],
)
def test_GH7_an_issue_that_is_taken_back_stops_its_run_for_what_it_is_now(live, words):
    runs = Runs(active())
    settled = intake.reconsider_run(WITHDRAWAL, Gate(**live), runs)
    assert settled.outcome == "stopped"
    assert settled.reason.startswith(words)
    assert runs.stopped == [("other", settled.reason, Reason.SUPERSEDED)]


def test_PF6_an_issue_that_stands_as_approved_by_now_goes_on():
    runs = Runs(active())
    assert intake.reconsider_run(WITHDRAWAL, Gate(), runs).outcome == "ignored"
    assert runs.stopped == []


def test_names_of_runs_sort_by_age_and_cannot_be_guessed():
    early, late = make_run_id(1_700_000_000), make_run_id(1_700_000_001)
    assert early < late
    assert len({make_run_id(1) for _ in range(100)}) == 100
    assert len(early.rsplit("-", 1)[1]) == 16
