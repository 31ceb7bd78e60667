"""The store's follow-ups: in which order they run, and that no request is lost."""

from agent.models.outcome import Outcome, PullEnd, PullRequest
from agent.models.record import replace
from agent.models.run import Reason, RunState
from agent.store.sql_requests import MOST_ROUNDS
from agent.store.sql_tables import FollowUpRequest
from tests import run_samples
from tests.outcomes import change_outcome

REVIEW, CI = FollowUpRequest(kind="review", quiet=60.0), FollowUpRequest(kind="ci")
ASKED = FollowUpRequest(kind="ci", by="ann")
NOW = 1_800_000_000.0
HEAD = "a" * 40


def _opened(store):
    """Return a run that has opened pull request 7."""
    run = store.add_run(run_samples.run(1), NOW)
    assert store.claim_run(NOW, most=9).run.run_id == run.run_id
    end = _ended(run.run_id, commit=HEAD)
    store.finish_run(run.run_id, end, NOW + 1)
    return run


def _ended(run_id, reason=Reason.READY, commit=None):
    outcome = Outcome.for_stopped_run(run_id, reason, "It is so.")
    pull = PullRequest(number=7, url="https://forge.example/7")
    return change_outcome(outcome, pull_request=pull, commit=commit, digest=commit)


def test_a_wish_becomes_a_run_of_its_own_once_it_is_quiet(store):
    first = _opened(store)
    assert store.queue_follow_up(first.run_id, REVIEW, NOW + 10) == "queued"
    assert store.queue_follow_up(first.run_id, REVIEW, NOW + 30) == "joined"
    assert store.claim_run(NOW + 89, most=9) is None
    claimed = store.claim_run(NOW + 91, most=9)
    about = claimed.run.follow_up
    assert (about.of, about.pull, about.round, about.kind) == (first.run_id, 7, 1, "review")
    assert claimed.run.snapshot == first.snapshot
    assert claimed.run.attempt == first.attempt
    assert store.get_run(claimed.run.run_id).state is RunState.FOLLOWING_UP
    assert store.get_run(first.run_id).state is RunState.OPEN


def test_what_is_wished_for_meanwhile_comes_after_the_run_at_work(store):
    first = _opened(store)
    store.queue_follow_up(first.run_id, CI, NOW + 10)
    at_work = store.claim_run(NOW + 10, most=9).run
    assert store.queue_follow_up(first.run_id, REVIEW, NOW + 20) == "after"
    assert store.queue_follow_up(first.run_id, REVIEW, NOW + 21) == "after"
    assert store.claim_run(NOW + 500, most=9) is None
    store.finish_run(at_work.run_id, _ended(at_work.run_id, Reason.UNAVAILABLE), NOW + 600)
    assert store.get_run(first.run_id).state is RunState.OPEN
    following = store.claim_run(NOW + 700, most=9).run
    assert (following.follow_up.round, following.follow_up.kind) == (2, "review")
    store.finish_run(following.run_id, _ended(following.run_id, commit="b" * 40), NOW + 800)
    assert store.claim_run(NOW + 9_999, most=9) is None
    assert [up.run.run_id for up in store.follow_ups(first.run_id)] == [
        at_work.run_id,
        following.run_id,
    ]


def test_a_pull_request_has_so_many_rounds_at_most(store):
    first = _opened(store)
    for number in range(1, MOST_ROUNDS + 1):
        assert store.queue_follow_up(first.run_id, ASKED, NOW + number) == "queued"
        run = store.claim_run(NOW + number, most=9).run
        assert run.follow_up.round == number
        store.finish_run(run.run_id, _ended(run.run_id), NOW + number)
    assert store.queue_follow_up(first.run_id, ASKED, NOW + 99) == "full"
    assert store.claim_run(NOW + 9_999, most=9) is None


def test_red_checks_leave_half_of_the_rounds_to_people(store):
    """A check that is made red again and again must not silence a pull request."""
    first = _opened(store)
    for number in range(1, MOST_ROUNDS // 2 + 1):
        assert store.queue_follow_up(first.run_id, CI, NOW + number) == "queued"
        run = store.claim_run(NOW + number, most=9).run
        if number == MOST_ROUNDS // 2:
            # Both come while the last one is at work.
            assert store.queue_follow_up(first.run_id, CI, NOW + number) == "after"
            assert store.queue_follow_up(first.run_id, REVIEW, NOW + number) == "after"
        store.finish_run(run.run_id, _ended(run.run_id), NOW + number)
    assert store.claim_run(NOW + 999, most=9).run.follow_up.kind == "review"


def test_nothing_follows_a_pull_request_that_is_over(store):
    first = _opened(store)
    store.queue_follow_up(first.run_id, CI, NOW + 1)
    earlier = store.claim_run(NOW + 1, most=9).run
    store.finish_run(earlier.run_id, _ended(earlier.run_id), NOW + 1)
    store.queue_follow_up(first.run_id, CI, NOW + 1)
    at_work = store.claim_run(NOW + 1, most=9).run
    store.queue_follow_up(first.run_id, REVIEW, NOW + 2)
    assert store.note_pull(first.run_id, PullEnd(pull=7, state="merged", at=None))
    store.finish_run(at_work.run_id, _ended(at_work.run_id, Reason.SUPERSEDED), NOW + 3)
    assert store.claim_run(NOW + 9_999, most=9) is None
    assert store.queue_follow_up(first.run_id, REVIEW, NOW + 4) == "over"
    assert store.get_run(earlier.run_id).state is RunState.MERGED


def test_an_issue_that_is_labelled_anew_has_its_own_attempts_counted(store):
    first = _opened(store)
    store.queue_follow_up(first.run_id, CI, NOW + 1)
    follow_up = store.claim_run(NOW + 1, most=9).run
    store.finish_run(follow_up.run_id, _ended(follow_up.run_id), NOW + 2)
    assert store.find_newest_run(
        first.snapshot.issue.repository_id, first.snapshot.issue.number
    ).run == (follow_up)
    second = store.add_run(replace(first, run_id="another"), NOW + 3)
    assert second.attempt == first.attempt + 1
    assert store.find_newest_run(
        first.snapshot.issue.repository_id, first.snapshot.issue.number
    ).run.run_id == (second.run_id)
    # While that is at work, no run goes on with the pull request of the first one.
    assert store.queue_follow_up(first.run_id, REVIEW, NOW + 4) == "after"
    store.claim_run(NOW + 5, most=9)
    store.finish_run(second.run_id, _ended(second.run_id, Reason.NO_RECIPE), NOW + 6)
    assert store.claim_run(NOW + 99, most=9).run.follow_up.of == first.run_id
