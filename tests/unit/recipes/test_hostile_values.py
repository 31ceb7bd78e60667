"""Values that Python cannot write down again, or that would do harm, are asked about."""

from __future__ import annotations

import time

import pytest

from agent.errors import NoRecipe, TicketUnclear
from agent.recipes.add_field import values
from agent.recipes.add_field.field_types import BY_NAME
from tests.unit.recipes.trees import RECIPE, form, questions, settle, ticket

HOSTILE = {"infinite": "[1e999]", "digits": "9" * 10_000, "brackets": "(" * 3_000}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_that_cannot_be_written_down_is_unreadable(name: str) -> None:
    with pytest.raises(values.UnreadableError):
        values.from_words(HOSTILE[name], BY_NAME["JSONField"])
    with pytest.raises(values.UnreadableError):
        values.from_expression(HOSTILE[name])
    assert questions(form(field_type="FloatField", options=f"default={HOSTILE[name]}"))


@pytest.mark.parametrize(
    ("type_name", "options", "problem"),
    [
        ("FileField", "upload_to='a/../b', null=True", "folder of uploads"),
        ("FileField", "upload_to='C:/x', null=True", "folder of uploads"),
        ("FilePathField", "path='/etc', null=True", "outside the project"),
        ("FilePathField", "path='x', match='(a+)+$', null=True", "very long"),
        ("CharField", "max_length=5, default=os.system", "literal"),
        ("CharField", "max_length=5, null=True, validators=['os.system']", "validators"),
        ("CharField", "max_length=5, null=True, db_column='\"x\"; --'", "plain name"),
        ("CharField", "max_length=5, null=True, help_text=_('&lt;b')", "markup"),
        ("URLField", "default='javascript://%0aalert(1)'", "URL"),
    ],
)
def test_a_value_that_would_do_harm_is_asked_about(
    type_name: str, options: str, problem: str
) -> None:
    (asked,) = questions(form(field_type=type_name, options=options))
    assert problem in asked


@pytest.mark.parametrize(
    ("type_name", "options"),
    [
        ("FileField", "upload_to='uploads/a..b/%Y/', null=True"),
        ("CharField", "max_length=5, null=True, help_text='a < b, 3<4 & so on'"),
    ],
)
def test_a_value_that_only_looks_like_harm_is_taken(type_name: str, options: str) -> None:
    assert settle(form(field_type=type_name, options=options)).field.type_name == type_name


BLOWN_UP = {
    "options": form(options="max_length=50, " + "a=1," * 5_000),
    "brackets": "Add a JSONField `a` to Customer, default=" + "[" * 10_000 + "]" * 10_000,
    "requests": "".join(f"add a thing to {number} " for number in range(1_000)),
}


@pytest.mark.parametrize("name", BLOWN_UP)
def test_a_blown_up_ticket_is_read_in_time(name: str) -> None:
    body = BLOWN_UP[name]
    for text in (body, f"Add a CharField `nick` with max_length=5 to Customer. {body}"):
        started = time.process_time()
        if RECIPE.match(ticket(text)):
            with pytest.raises((TicketUnclear, NoRecipe)):
                settle(text)
        assert time.process_time() - started < 10
