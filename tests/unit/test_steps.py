"""A step: once per name, bounded, recorded, remembered, and finished once others can see it."""

import pytest

from agent import errors
from agent.errors import (
    ActiveRun,
    AgentError,
    ApprovalAwaited,
    BranchMoved,
    CacheGone,
    Cancelled,
    CodeHostLimited,
    InternalError,
    PolicyRefused,
    ProcessEnding,
    StorageFull,
    StoreUnavailable,
    TicketUnclear,
    VersionUnknown,
)
from agent.llm.budget import Budget
from agent.models.change import Finding, Severity
from agent.models.environment import Contract
from agent.models.outcome import Outcome
from agent.models.record import Record, replace
from agent.models.run import Reason, Run
from agent.models.run_facts import RunFacts
from agent.models.step import Step
from agent.settings import Settings
from agent.steps import Cancellation, Steps
from agent.telemetry.run_events import RunEvents
from agent.telemetry.run_log import RunLog
from repo_config.schema import LimitsSection, RepoConfig
from tests.unit.editing.desks import Records, Watcher
from tests.unit.trees import make_project


def steps(folder, **given):
    return Steps(
        given.pop("events", None) or RunEvents(folder / "events.jsonl"),
        RunLog(folder / "run.log"),
        [given.pop("watcher", Watcher())],
        given.pop("facts", RunFacts()),
        Budget(Settings(home=folder, max_minutes=60), given.pop("grants", 1)),
        given.pop("remember", Records()),
        **given,
    )


def test_the_beginning_of_a_step_is_stored_before_its_work_and_only_a_lasting_one_needs_that(
    tmp_path,
):
    stored = []

    def store() -> None:
        stored.append((tmp_path / "events.jsonl").read_text().count("started"))
        raise StoreUnavailable("The database is away.")

    def count_stored() -> int:
        return stored[-1]

    step = steps(tmp_path, events=RunEvents(tmp_path / "events.jsonl", store))
    assert step(Step.EDIT, count_stored) == 1
    with pytest.raises(StoreUnavailable):
        step(Step.DELIVER, count_stored)


@pytest.fixture
def step(tmp_path):
    return steps(tmp_path)


def contract(minutes):
    config = RepoConfig(limits=LimitsSection(minutes=minutes))
    return Contract(config=config, project=make_project(), source=None)


def nothing() -> None:
    pass


def die() -> None:
    raise SystemExit


def fail() -> None:
    raise ValueError("no")


def told() -> str:
    return "told"


def test_a_step_that_fails_is_recorded_as_failed_and_told_in_our_words(step, tmp_path):
    with pytest.raises(InternalError, match="itself failed: ValueError: no"):
        step(Step.EDIT.named("add"), fail)
    assert '"event": "failed"' in (tmp_path / "events.jsonl").read_text()
    assert "Traceback" in (tmp_path / "run.log").read_text()


def test_a_step_is_begun_however_few_minutes_are_left(tmp_path):
    step = steps(tmp_path, facts=RunFacts(contract=contract(minutes=2)))
    step.seconds[Step.EDIT] = 121.0
    assert step.run_seconds_left == 0
    assert step(Step.CHECKS.named("1"), told) == "told"


def test_set_up_has_minutes_of_its_own(tmp_path):
    step = steps(tmp_path, facts=RunFacts(contract=contract(minutes=2)))
    step.seconds[Step.EDIT] = 20.0
    with step.count_apart():
        step(Step.BASELINE, nothing)
        step.seconds[Step.BASELINE] = 90.0
        assert step.run_seconds_left == pytest.approx(30.0, abs=1)
    assert step.run_seconds_left == pytest.approx(100.0, abs=1)
    step.seconds[Step.CHECKS.named("1")] = 30.0
    step.seconds[Step.EDIT.named("1 2 calls")] = step.seconds[Step.EDIT.named("1 3 calls")] = 2.0
    assert step.sum_up_uses() == {"checks": 30.0, "commands": 4.0, "models": 0.0}


@pytest.mark.parametrize(
    ("minutes", "grants", "left"),
    [(2, 2, 119.0), (10_000, 1, 3479.0), ("auto", 1, 38 * 60.0 - 121)],
    ids=["granted twice", "the operator's", "30 and four times a suite of 110 s"],
)
def test_minutes_are_granted_again_and_bounded_by_the_operator(tmp_path, minutes, grants, left):
    facts = RunFacts(contract=contract(minutes=minutes), suite_seconds=110.0)
    step = steps(tmp_path, facts=facts, grants=grants)
    step.seconds[Step.EDIT] = 121.0
    assert step.run_seconds_left == pytest.approx(left, abs=1)


def test_what_is_broken_off_leaves_no_record_and_what_is_handed_over_comes_to_its_end(tmp_path):
    def work() -> str:
        cancellation.break_off()
        return "delivered"

    def break_off() -> None:
        cancellation.break_off()
        raise OSError("cut")

    kept, cancellation = Records(), Cancellation()
    with pytest.raises(ProcessEnding):
        steps(tmp_path, remember=kept, cancellation=cancellation)(Step.EDIT, break_off)
    cancellation = Cancellation()
    step = steps(tmp_path, remember=kept, cancellation=cancellation)
    assert step(Step.PUBLISH, work) == "delivered"
    with pytest.raises(ProcessEnding):
        step(Step.EDIT.named("after"), nothing)
    assert list(kept.kept) == ["publish"]


# --- remembered -------------------------------------------------------------------------------


class Found(Record):
    path: str
    content: bytes


def test_what_has_a_record_is_never_done_again(tmp_path):
    kept, asked = Records(), []

    def find() -> tuple[Found, ...]:
        asked.append("once")
        return (Found(path="a.py", content=b"\xff\0"),)

    first = steps(tmp_path, remember=kept)
    found = first(Step.EDIT.named("find"), find)
    with pytest.raises(SystemExit):
        first(Step.EDIT.named("second"), die)
    watcher = Watcher()
    again = steps(tmp_path, remember=kept, watcher=watcher)
    assert again(Step.EDIT.named("find"), find) == found == (Found(path="a.py", content=b"\xff\0"),)
    again(Step.EDIT.named("second"), nothing)
    assert asked == ["once"]
    assert watcher.over[0] == ("edit find", True), "whoever watches learns of it"
    assert again.seconds["edit find"] == first.seconds["edit find"]


#: Those that are made of more than words.
ERRORS = [
    TicketUnclear(("Which model?", "Which type?"), "Say it."),
    PolicyRefused(
        (Finding(rule="r", severity=Severity.BLOCK, path="a.py", line=3, message="m", fix="f"),)
    ),
    CodeHostLimited("wait", 1234.5),
    ActiveRun(Run(run_id="2026-1", repository="/r", ticket="/t", started=0)),
    StorageFull("The disk is full."),
    CacheGone("The mirror is gone.", "checkout"),
    BranchMoved("Somebody pushed.", "read pull request"),
    ApprovalAwaited("A plan waits.", "1a2b3c4d"),
]


@pytest.mark.parametrize("problem", ERRORS[:3], ids=lambda one: type(one).__name__)
def test_an_error_has_a_record_too_and_comes_back_whole(tmp_path, problem):
    kept = Records()
    problem.branch = "mergewright/1"

    def work() -> int:
        raise problem

    for _ in range(2):
        with pytest.raises(type(problem)) as raised:
            steps(tmp_path, remember=kept)(Step.EDIT.named("work"), work)
        assert raised.value.message == problem.message
        added = {"reason": problem.reason, "is_recorded": True}
        assert vars(raised.value) == {**vars(problem), **added}
    assert len(kept.kept) == 1


def test_every_error_of_ours_can_be_kept():
    def below(kind):
        yield kind
        for subclass in kind.__subclasses__():
            yield from below(subclass)

    made = {type(problem): problem for problem in ERRORS}
    for kind in below(AgentError):
        if kind.__module__ != errors.__name__:
            continue
        problem = made[kind] if kind in made else kind("words")
        assert type(errors.restore_error(errors.make_failure(problem))) is kind


def test_a_record_of_another_version_ends_the_run_with_the_way_out(tmp_path):
    kept = Records()
    steps(tmp_path, remember=kept)(Step.EDIT.named("work"), told)
    with pytest.raises(VersionUnknown, match="'edit work'"):
        steps(tmp_path, remember=kept)(Step.EDIT.named("work"), nothing)


def test_a_disk_that_is_full_after_the_branch_was_made_hides_it_from_nobody(step, monkeypatch):
    def make() -> Outcome:
        ended = Outcome.for_stopped_run("r", Reason.READY, "It is there.")
        return replace(ended, branch="mergewright/1-x", commit="abc")

    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device", "/srv/x")

    monkeypatch.setattr(RunLog, "result", fill)
    with pytest.raises(StorageFull) as raised:
        step(Step.PUBLISH, make)
    assert (raised.value.branch, raised.value.commit) == ("mergewright/1-x", "abc")


def test_a_step_that_takes_its_worker_down_again_and_again_is_not_begun_again(tmp_path):
    kept, events = Records(), tmp_path / "events.jsonl"
    for _ in range(20):
        with pytest.raises(SystemExit):
            steps(tmp_path, remember=kept)(Step.CHECKS.named("1"), die)
    lines = events.read_text().splitlines(keepends=True)
    # A process that is killed leaves no such line.
    events.write_text("".join(line for line in lines if '"failed"' not in line))
    with pytest.raises(InternalError):
        steps(tmp_path, remember=kept)(Step.CHECKS.named("1"), told)


# --- stopped ----------------------------------------------------------------------------------


def test_a_run_that_is_stopped_begins_no_step_but_tells_its_end(tmp_path):
    cancellation = Cancellation()
    step = steps(tmp_path, cancellation=cancellation)
    cancellation.set("maria took the label off.")
    cancellation.set("The issue was closed.")
    with pytest.raises(Cancelled, match="maria took the label off"):
        step(Step.EDIT, told)
    assert step(Step.DELIVER, told) == "told"


def test_what_breaks_off_because_the_run_is_stopped_is_no_trouble_of_its_own(tmp_path):
    cancellation = Cancellation()

    def work() -> None:
        cancellation.set("maria took the label off.")
        raise errors.SandboxLost("cancelled")

    with pytest.raises(Cancelled, match="maria took the label off"):
        steps(tmp_path, cancellation=cancellation)(Step.CHECKS.named("1"), work)


def test_what_was_begun_to_be_handed_over_is_begun_again_though_the_run_is_stopped(tmp_path):
    cancellation = Cancellation()
    cancellation.set("maria took the label off.")
    with pytest.raises(Cancelled, match="maria took"):
        steps(tmp_path, cancellation=cancellation)(Step.PUBLISH, told)
    assert steps(tmp_path, cancellation=cancellation)(Step.PUBLISH, told) == "told"
