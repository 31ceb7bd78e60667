"""Titles as people write them: what in them is the field, what the model, and what neither."""

from __future__ import annotations

import pytest

from agent.errors import TicketUnclear
from tests.unit.recipes.trees import RECIPE, app, questions, settle, ticket

AXES = {"config/__init__.py": "", "config/settings.py": ""} | app(
    "axes",
    """from django.db import models


class AccessAttempt(models.Model):
    username = models.CharField(max_length=255)


class AccessLog(models.Model):
    username = models.CharField(max_length=255)
""",
)
NOTE = "CharField `note` to AccessAttempt with max_length=50, blank=True"


@pytest.mark.parametrize(
    "title",
    [
        "Attempts",
        "Attempts need a note",
        "Attempts should have a note",
        "Attempts must store a note",
        "The Attempts need a note",
        "Add a note to Attempts",
        "Add note to attempts",
    ],
)
def test_a_word_that_has_its_capital_from_the_sentence_is_no_second_model(title: str) -> None:
    settled = settle(f"Add a {NOTE}.", AXES, title)
    assert (settled.model, settled.field.name) == ("AccessAttempt", "note")


@pytest.mark.parametrize("title", ["AccessLog needs a note", "The model `Attempts` needs a note"])
def test_what_is_a_model_or_stands_in_quotes_is_held_against_the_text(title: str) -> None:
    asked = questions(f"Add a {NOTE}.", AXES, title)
    assert any("more than one model" in one or "no model `Attempts`" in one for one in asked)


def test_a_first_word_is_asked_about_where_nothing_else_names_a_model() -> None:
    body = "Add a CharField `note` with max_length=50, blank=True."
    [asked] = questions(body, AXES, "Attempts need a note")
    assert asked.startswith("There is no model `Attempts` in this repository. Nearest: axes.Access")
    assert settle(f"On AccessLog. {body}", AXES, "Attempts need a note").model == "AccessLog"
    asked = questions(f"{body} It goes on AccessLog.", AXES, "Attempts need a note")
    assert asked[-1].endswith("Is it axes.AccessLog?")


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Attempts", "Add an IntegerField `attempts` to AccessLog with default=0."),
        ("Add attempts to AccessLog", "An IntegerField with default=0."),
        ("Add attempts to AccessLog.", "As an integer, default 0."),
        ("Feature: add attempts to AccessLog", "Type: IntegerField\nDefault: 0"),
        ("Attempts on AccessLog", "Add an IntegerField `attempts` to `axes.AccessLog`, default=0."),
    ],
)
def test_the_same_field_in_title_and_text(title: str, body: str) -> None:
    assert RECIPE.match(ticket(body, title)) or title == "Attempts"
    settled = settle(body, AXES, title)
    assert (settled.model, settled.field.name, settled.field.type_name) == (
        "AccessLog",
        "attempts",
        "IntegerField",
    )


def test_a_title_alone_leaves_the_type_open_with_a_line_that_settles_it() -> None:
    for end in ("", "."):
        with pytest.raises(TicketUnclear) as raised:
            settle("", AXES, f"Add attempts to AccessLog{end}")
        assert raised.value.questions == ("Which field type is meant? State it as in `CharField`.",)
        assert "Add a CharField `attempts` to `axes.AccessLog`" in raised.value.answer


@pytest.mark.parametrize("title", ["Add Attempts to AccessLog", "Add the Attempts to AccessLog"])
def test_a_name_with_a_capital_is_only_proposed(title: str) -> None:
    with pytest.raises(TicketUnclear) as raised:
        settle("IntegerField with default=0.", AXES, title)
    assert raised.value.questions == ("What is the field called? Would `attempts` do?",)
    assert "Add an IntegerField `attempts` to `axes.AccessLog` with" in raised.value.answer


def test_as_a_string_in_passing_is_not_the_type() -> None:
    body = "Add an IntegerField `rank`, default=0, to AccessLog. We get it as a string."
    assert settle(body, AXES, "Rank").field.type_name == "IntegerField"
