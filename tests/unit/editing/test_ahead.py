"""What is done ahead is taken by the run's own steps, or done by them."""

import threading

import pytest

from agent.editing.ahead import BackgroundSteps, need_model
from agent.errors import EnvironmentFailed
from agent.models.step import Step


class OwnSteps:
    run_seconds_left = 60.0

    def __init__(self):
        self.names = []

    def __call__(self, name, work, /, *args):
        self.names.append(name)
        return work(*args)


def note(done, words):
    done.append((words, threading.current_thread().name))
    return words


def fail():
    raise EnvironmentFailed("no such package")


def test_a_step_takes_what_was_done_ahead_and_does_what_was_not():
    done, said, own = [], [], OwnSteps()

    def work(step, scout):
        step(Step.ENVIRONMENT, note, done, "built")
        scout()
        return step(Step.BASELINE, note, done, "measured")

    ahead = BackgroundSteps(lambda step, stopped: work(step, need_model), said.append)
    assert work(ahead.attach(own), lambda: None) == "measured"
    assert done == [("built", "ahead"), ("measured", "MainThread")]
    assert own.names == ["environment", "baseline"]
    assert [line.partition(":")[0] for line in said] == ["environment"]


def test_an_error_ahead_is_the_steps_own():
    ahead = BackgroundSteps(lambda step, stopped: step(Step.ENVIRONMENT, fail), print)
    with pytest.raises(EnvironmentFailed, match="no such package"):
        ahead.attach(OwnSteps())(Step.ENVIRONMENT, fail)


def test_what_is_ended_begins_nothing_more():
    begun, may_end, done = threading.Event(), threading.Event(), []

    def build():
        begun.set()
        assert may_end.wait(10)

    def work(step, stopped):
        step(Step.ENVIRONMENT, build)
        step(Step.BASELINE, note, done, "measured")

    ahead = BackgroundSteps(work, print)
    assert begun.wait(10)
    ahead.stopped.set()
    may_end.set()
    ahead.close()
    assert done == []
