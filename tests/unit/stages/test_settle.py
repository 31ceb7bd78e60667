"""What a recipe cannot settle alone goes to the model; without one the form comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import TicketUnclear
from agent.models.ticket import Decision
from agent.stages import plan
from agent.testing import FakeCodeHost, FakeModel, make_reply
from tests.unit.stages import code_host_runs

HALF = "Replace `print` with `logging` in `a.py`."
DECISION = Decision(recipe="print-to-logging", sentence="recipe print-to-logging")


@pytest.fixture
def settle(tmp_path):
    def settle(body: str, *, model: bool) -> str:
        files = {"a.py": "def f():\n    print('x')\n"}
        made = code_host_runs.prepared(tmp_path / "app", tmp_path / "home", files)
        svc, _ = code_host_runs.services(tmp_path / "home", FakeCodeHost(code_host_runs.TICKET))
        svc = replace(svc, models=FakeModel(lambda _: make_reply()) if model else None)
        ticket = code_host_runs.TICKET.model_copy(update={"body": body})
        return plan.settle_parameters(ticket, DECISION, made.run, made.checkout, made.contract, svc)

    return settle


def test_half_a_ticket_is_the_models_or_comes_back_as_the_form(settle):
    assert settle(HALF, model=True) == ""
    with pytest.raises(TicketUnclear) as raised:
        settle(HALF, model=False)
    assert "where prints become log messages: a.py" in raised.value.answer
