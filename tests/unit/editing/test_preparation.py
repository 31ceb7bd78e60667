"""What a thread prepares while a model reads is taken by the run's own steps, or done by them."""

import threading
from contextlib import nullcontext

import pytest

from agent.desk import Desk
from agent.editing.preparation import Preparation
from agent.errors import EnvironmentFailed, SandboxLost
from agent.models.step import Step
from tests.fakes import FakeModel, FakeSandbox, make_reply
from tests.unit.editing import desks


class OwnSteps:
    run_seconds_left = 60.0

    def __init__(self):
        self.names = []

    def __call__(self, name, work, /, *args):
        self.names.append(name)
        return work(*args)

    def count_apart(self):
        return nullcontext()


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


@pytest.fixture
def desk(prepared, home) -> Desk:
    model = FakeModel(lambda _: make_reply())
    return desks.run_context(prepared, home, model, sandbox=FakeSandbox(str)).desk


def prepare(prepared, desk, build, *, scouts=False):
    """Build and measure; between both, ask a model or not. Note in which thread each is done."""
    done = []

    def note(name, work):
        done.append((name, threading.current_thread().name))
        return work()

    def measure(scout, once, desk):
        built = once(Step.ENVIRONMENT, note, "built", lambda: build(desk))
        if scout:
            scout()
        return built, once(Step.BASELINE, note, "measured", lambda: desks.BEFORE)

    steps = OwnSteps()
    return Preparation(steps, desk, measure, (lambda: None) if scouts else None), done, steps


def wait(preparation):
    preparation._thread.join(10)


def test_steps_take_what_the_thread_made_and_do_what_it_did_not(prepared, desk):
    for scouts in (False, True):
        preparation, done, steps = prepare(prepared, desk, lambda desk: prepared, scouts=scouts)
        preparation.begin()
        wait(preparation)
        preparation.begin()
        assert preparation.finish().prepared == prepared
        assert done == [("built", "ahead"), ("measured", "MainThread" if scouts else "ahead")]
        assert steps.names == ["environment", "baseline"]


def test_the_runs_own_step_waits_for_the_threads(prepared, desk):
    begun = threading.Event()

    def build(desk):
        begun.set()
        assert not threading.Event().wait(0.1)
        return prepared

    preparation, done, _ = prepare(prepared, desk, build)
    preparation.begin()
    assert begun.wait(10)
    preparation.finish()
    preparation.close()
    assert done[0] == ("built", "ahead")
    assert len(done) == 2


@pytest.mark.parametrize("problem", [EnvironmentFailed("No such package."), SandboxLost("Lost.")])
def test_what_no_change_can_be_judged_on_ends_the_next_request(prepared, desk, problem):
    def build(desk):
        raise problem

    preparation, *_ = prepare(prepared, desk, build)
    preparation.begin()
    wait(preparation)
    if isinstance(problem, EnvironmentFailed):
        with pytest.raises(EnvironmentFailed):
            preparation.begin()
    else:
        preparation.begin()
    with pytest.raises(type(problem)):
        preparation.finish()


def test_what_is_ended_begins_nothing_more(prepared, desk):
    begun = threading.Event()

    def build(desk):
        begun.set()
        assert desk.sandbox._stopped.wait(10)
        return prepared

    preparation, done, _ = prepare(prepared, desk, build)
    preparation.begin()
    assert begun.wait(10)
    preparation.close()
    assert done == [("built", "ahead")]
