"""What people write in a review of a field that was added: taken whole, or not at all."""

from __future__ import annotations

import pytest

from agent.recipes import registry, revising
from agent.recipes.add_field import review_phrases, reviewed
from agent.recipes.add_field.parameters import Parameters
from agent.recipes.review_words import UnreadError
from tests.unit.recipes import reviews
from tests.unit.recipes.reviews import ADMIN_PATH, FORMS_PATH, MODELS

#: `note`, a CharField with max_length=120, blank=True.
TAKEN = {
    "please call it `customer_note` instead": "name=customer_note",
    "Hi @bot, please rename it to `customer_note`.": "name=customer_note",
    "drop the blank=True": "option blank=",
    "This should be nullable, since old customers have none": "option null=True",
    "add it to list_display / list_filter too": "filter=yes, admin=yes",
    "Please make this a SlugField with max_length 50": "option max_length=50, type=SlugField",
    "Default 'n/a' for existing rows, please.": "existing='n/a'",
}
#: No recipe may take these.
NEAR_MISSES = (
    "Should we call it `customer_note`?",
    "why max_length 120?",
    "max_length=200 and encrypt it",
)


@pytest.fixture(scope="module")
def made() -> reviews.Made:
    return reviews.a_field()


def asked(made: reviews.Made, words: str, *, listed: str = "", at_hand: bool = True) -> str:
    """What the words want, in one line; `?` where they are not taken."""
    parameters = Parameters.model_validate_json(made.plan.parameters)
    others = frozenset({"name", "email", "Meta"})
    reader = review_phrases.Reader(parameters, others=others, listed=listed, at_hand=at_hand)
    try:
        found = reviewed.of_words(reader, words)
    except UnreadError:
        return "?"
    return ", ".join(f"{one.about}={one.value}" for one in found)


@pytest.mark.parametrize("words", NEAR_MISSES)
def test_near_misses_are_left(made: reviews.Made, words: str) -> None:
    assert asked(made, words) in ("?", "")


def test_what_people_are_shown_as_examples_is_taken(made: reviews.Made) -> None:
    remarks = registry.by_name(made.plan.recipe).remarks
    assert len(remarks) > 5
    assert [one for one in remarks if asked(made, one) in ("?", "")] == []


@pytest.mark.parametrize(("words", "wanted"), TAKEN.items())
def test_what_is_said_plainly_is_taken(made: reviews.Made, words: str, wanted: str) -> None:
    assert asked(made, words) == wanted


def test_not_here_is_said_on_a_list(made: reviews.Made) -> None:
    assert asked(made, "not here", listed="admin") == "admin="
    assert asked(made, "not here") == "?"


def test_away_from_its_lines_the_field_is_named(made: reviews.Made) -> None:
    assert asked(made, "rename it to `customer_note`", at_hand=False) == "?"
    assert asked(made, "rename `note` to `customer_note`", at_hand=False) == "name=customer_note"


# --- where a thread stands -------------------------------------------------------------------


def test_a_thread_on_another_line_or_file_is_left(made: reviews.Made) -> None:
    assert made.heard("max_length=200", "email = ", MODELS).end == "open"
    assert made.heard("rename `note` to `remark`", "fields", FORMS_PATH).end == "open"


def test_a_thread_on_the_migration_has_to_name_the_field(made: reviews.Made) -> None:
    path = "shop/migrations/0002_customer_note.py"
    assert made.heard("rename it to `remark`", path=path).end == "open"
    assert made.heard("rename `note` to `remark`", path=path).end == "revised"


def test_this_on_the_admin_list_is_the_list(made: reviews.Made) -> None:
    heard = made.heard("Please drop this.", "list_display", ADMIN_PATH)
    assert heard.end == "revised"
    assert "`list_display`" in heard.words
    assert made.heard("Please drop this.", "note = ", MODELS).end == "open"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('    list_filter = ("email",)', '    list_filter = ("email", "note")'),
        ("    search_fields = []", '    list_filter = ("note",)'),
    ],
)
def test_it_joins_the_filters_of_the_admin(body: str, line: str) -> None:
    made = reviews.a_field(files=reviews.SHOP | {ADMIN_PATH: f"{reviews.ADMIN}{body}\n"})
    found = made.revised(made.wish("Add it to list_filter too", "note = ", MODELS))
    assert found.heard[0].end == "revised"
    assert line in made.edited(found.plan)[ADMIN_PATH].splitlines()
    again = revising.revised(
        found.plan, [revising.Wish(words="drop `note` from list_filter")], made.ground
    )
    assert made.edited(again.plan) == made.edited()


# --- suggestions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("customer_note = models.CharField(max_length=120, blank=True)", "`customer_note`"),
        ("note = models.TextField(blank=True)", "TextField"),
        ("note = models.CharField(\n        max_length=20, blank=True\n    )", "`max_length=20`"),
    ],
)
def test_a_suggested_line_is_what_comes_of_it(made: reviews.Made, line: str, words: str) -> None:
    found = made.revised(made.wish("", "note = ", MODELS, suggestion=f"    {line}"))
    assert found.heard[0].end == "revised"
    assert words in found.heard[0].words
    code = " ".join(line.split()).replace("( ", "(").replace(" )", ")")
    name, _, call = code.partition(" = ")
    text = made.edited(found.plan)[MODELS]
    assert f"    {name} = {call.partition('(')[0]}(" in text


@pytest.mark.parametrize(
    "suggestion",
    [
        "    note = models.CharField(max_length=120)\n    other = 1",
        "    note = models.CharField(max_length=LENGTH, blank=True)",
        "",
    ],
)
def test_a_suggestion_of_more_than_the_field_is_left(made: reviews.Made, suggestion: str) -> None:
    assert made.heard("", "note = ", MODELS, suggestion).end == "open"


def test_a_suggestion_that_takes_it_out_of_a_list(made: reviews.Made) -> None:
    line = '    list_display = ("name", "email")'
    heard = made.heard("I don't think it belongs here", "list_display", ADMIN_PATH, line)
    assert heard.end == "open"
    assert made.heard("", "list_display", ADMIN_PATH, line).end == "revised"
    other = '    list_display = ("name",)'
    assert made.heard("", "list_display", ADMIN_PATH, other).end == "open"


def test_words_beside_a_suggestion_must_agree_with_it(made: reviews.Made) -> None:
    line = "    remark = models.CharField(max_length=60, blank=True)"
    assert made.heard("Call it `remark`.", "note = ", MODELS, line).end == "revised"
    assert made.heard("Call it `hint`.", "note = ", MODELS, line).end == "open"
    assert made.heard("What about this?", "note = ", MODELS, line).end == "open"


# --- what then does not go -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("rename it to `class`", "`class`"),
        ("remove max_length", "max_length"),
        ('help_text="a&nbsp;b"', "holds markup"),
    ],
)
def test_what_does_not_go_is_said(made: reviews.Made, words: str, why: str) -> None:
    heard = made.heard(words, "note = ", MODELS)
    assert heard.end == "open"
    assert why in heard.words
