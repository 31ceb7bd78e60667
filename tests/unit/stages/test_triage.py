"""A ticket goes to one recipe, or to a person with an honest word."""

import pytest

from agent.errors import RunStopped, TicketUnclear
from agent.models.run import Reason
from agent.models.ticket import Ticket
from agent.stages import triage
from tests.fakes import FakeModel, make_reply

FIELD = "Add `nick = models.CharField(max_length=50)` to `shop.Customer`."


def ticket(body: str, title: str = "A wish", removed: tuple[str, ...] = ()) -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="", removed=removed)


def test_what_none_fits_is_for_the_editing_model_if_there_is_one() -> None:
    model = FakeModel(lambda request: make_reply(), roles=("editor",))
    assert triage.choose_recipe(ticket("The page is slow."), model) == ""
    assert triage.choose_recipe(ticket(FIELD), model) == "add-django-field"
    reviewer = FakeModel(lambda _: make_reply(), roles=("reviewer",))
    assert triage.choose_recipe(ticket("The page is slow."), reviewer) == ""


def test_a_model_without_a_key_is_named_before_anything_is_made_ready() -> None:
    said_missing = "openai:x: it has no key; set OPENAI_API_KEY"
    model = FakeModel(lambda _: make_reply(), missing=said_missing)
    with pytest.raises(RunStopped) as raised:
        triage.choose_recipe(ticket("The page is slow."), model)
    assert said_missing in raised.value.message
    assert raised.value.reason is Reason.MODEL_UNUSABLE
    assert triage.choose_recipe(ticket(FIELD), model) == "add-django-field"


def test_a_ticket_without_visible_text_is_asked_about() -> None:
    with pytest.raises(TicketUnclear, match="1 hidden comment"):
        triage.choose_recipe(ticket("", "", ("1 hidden comment",)))
