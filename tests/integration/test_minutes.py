"""A run whose minutes end while a model is asked over the wire: its work is kept, and it goes on."""

from __future__ import annotations

import pytest

from agent import settings as given
from agent import wiring
from agent.editing import run_context
from agent.editing.run_context import Limits
from agent.errors import TimeSpent
from tests import scripted
from tests.scripted import Call, Fault, Said
from tests.unit.editing import desks

WRITE = Said(calls=(Call("write", {"path": "shop/new.py", "text": "x = 1\n"}),))
SUBMIT = Said(calls=(Call("submit", {"summary": "Done."}),))


@pytest.fixture
def prepared(tmp_path, home, monkeypatch):
    # The scripted model has no price.
    monkeypatch.setattr(run_context, "compute_limits", lambda *given: Limits(tokens=10**7))
    return desks.repository(tmp_path, home)


def nearly_over(job, after):
    """Leave two seconds of the run's hour to what comes after a step."""

    def ended(name, seconds, *, ok):
        if name == after:
            job.step.seconds["baseline"] = 3600.0 - 2.0 - sum(job.step.seconds.values())

    job.step._watcher.ended = ended


def test_at_the_end_of_the_minutes_the_work_is_kept_and_whoever_grants_more_goes_on(
    prepared, home, monkeypatch
):
    monkeypatch.setattr(run_context, "LEAST_SECONDS", 0.1)
    records = desks.Records()
    with scripted.serving([WRITE, Fault(stall_seconds=30), SUBMIT]) as server:
        for name, value in {**server.environ(), "MERGEWRIGHT_HOME": str(home)}.items():
            monkeypatch.setenv(name, value)
        models = wiring.make_models(given.load_settings())
        job = desks.run_context(prepared, home, models, records=records)
        nearly_over(job, after="edit 1 1 calls")
        with pytest.raises(TimeSpent) as told, job.attach_best_change():
            desks.conversation(job).next_form(job)
        assert told.value.change.paths == ("shop/new.py",)
        assert job.step.at == "edit 1 2 reply"
        assert len(server.requests) == 2

        # As `runs retry` does: what it ended at has no record any more.
        records.kept.pop("edit 1 2 reply")
        again = desks.run_context(prepared, home, models, records=records)
        talk = desks.conversation(again)
        assert talk.next_form(again).name == "submit"
        assert talk.change.paths == ("shop/new.py",)
        assert len(server.requests) == 3
        models.close()
