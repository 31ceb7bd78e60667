"""What a recipe cannot settle alone goes to the model; without one the form comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import TicketUnclear
from agent.models.ticket import Decision
from agent.stages import plan
from agent.testing import FakeCodeHost, FakeModel, make_reply
from tests.unit.recipes.trees import SHOP, project
from tests.unit.stages import code_host_runs

HALF = "Add `note = models.TextField()` to the orders."
DECISION = Decision(recipe="add-django-field", sentence="recipe add-django-field")


@pytest.fixture
def settle(tmp_path):
    def settle(body: str, *, model: bool) -> str:
        made = code_host_runs.prepared(tmp_path / "app", tmp_path / "home", SHOP)
        svc, _ = code_host_runs.services(tmp_path / "home", FakeCodeHost(code_host_runs.TICKET))
        svc = replace(svc, models=FakeModel(lambda _: make_reply()) if model else None)
        ticket = code_host_runs.TICKET.model_copy(update={"body": body})
        contract = made.contract.model_copy(update={"project": project()})
        return plan.settle_parameters(ticket, DECISION, made.run, made.checkout, contract, svc)

    return settle


def test_half_a_ticket_is_the_models_or_comes_back_as_the_form(settle):
    assert settle(HALF, model=True) == ""
    with pytest.raises(TicketUnclear) as raised:
        settle(HALF, model=False)
    assert "field: note = models.TextField(" in raised.value.answer
