"""What people write in a review of a field that was added: taken whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.recipes import registry, revising
from agent.recipes.add_field import review_phrases, reviewed
from agent.recipes.add_field.parameters import Parameters
from agent.recipes.review_words import UnreadError
from tests.unit.recipes import reviews
from tests.unit.recipes.reviews import ADMIN_PATH, FORMS_PATH, MODELS

NEAR_MISSES = Path(__file__).parent / "near_misses_of_fields.txt"
#: `note`, a CharField with max_length=120, blank=True.
NAMED = (
    "please call it `customer_note` instead",
    "Call this `customer_note`.",
    "rename `note` to `customer_note`",
    "Rename to `customer_note`",
    "rename this field to customer_note",
    "nit: name it `customer_note`",
    "Could you please rename this to `customer_note`?",
    "Can you rename the field to customer_note, please?",
    "Let's call it `customer_note`",
    "I'd call this `customer_note` instead.",
    "I would call it `customer_note`",
    "This should be called `customer_note`.",
    "The field should be named `customer_note`",
    'It should be called "customer_note" rather than `note`',
    "`customer_note` instead of `note` please",
    "Please use `customer_note` instead of `note`.",
    "use `customer_note` as the field name",
    "note -> customer_note",
    "s/note/customer_note/",
    "Change the name to `customer_note`",
    "change the field name from `note` to `customer_note`",
    "The name should be `customer_note`.",
    "Field name: `customer_note`",
    "Please rename `Customer.note` to `Customer.customer_note`",
    "Rename it to `customer_note` so that it is not mistaken for a memo",
    "Please rename it to `customer_note`. Thanks!",
    "Looks good. Rename it to `customer_note`.",
    "Hi @bot, please rename it to `customer_note`.",
    "+1\n\nrename to `customer_note`",
)
LONGER = (
    "max_length 200 please",
    "max_length=200",
    "`max_length=200`",
    "max_length should be 200",
    "Max length 200 instead of 120",
    "Increase max_length to 200.",
    "increase max_length from 120 to 200",
    "bump the max_length to 200",
    "Please set max_length to 200",
    "Please change max_length=120 to max_length=200",
    "limit it to 200 characters",
    "At most 200 characters please",
    "It should be at most 200 characters long.",
    "maximum length of 200",
    "Please make max_length 200.",
    "I'd like max_length 200",
    "I would prefer max_length=200",
    "We need max_length=200 here",
    "The max_length of `note` should be 200",
)
TAKEN = {
    "The default should be an empty string": "option default=''",
    'default should be ""': "option default=''",
    "make the default an empty string": "option default=''",
    'Please set `default=""`.': "option default=''",
    "Use an empty string as default": "option default=''",
    "use 'n/a' as the default": "option default='n/a'",
    "the default should be 'n/a'": "option default='n/a'",
    "it should default to 'n/a'": "option default='n/a'",
    "Please give it a default of 'n/a'.": "option default='n/a'",
    "default must be 0": "option default=0",
    "make the default False": "option default=False",
    "no default please": "option default=",
    "drop the default": "option default=",
    "make it nullable": "option null=True",
    "This should be nullable, since old customers have none": "option null=True",
    "please allow null": "option null=True",
    "`null=True` here too please": "option null=True",
    "not null please": "option null=False",
    "it must not be null": "option null=False",
    "This should not be nullable.": "option null=False",
    "make it optional": "optional=yes",
    "It should be optional.": "optional=yes",
    "please make it required": "required=yes",
    "it must be mandatory": "required=yes",
    "it does not need to be unique": "option unique=False",
    "should be indexed": "option db_index=True",
    "change blank=True to blank=False": "option blank=False",
    "Thanks! This should be False by default.": "option default=False",
    "drop the blank=True": "option blank=",
    "remove blank": "option blank=",
    'help text: "For us"': "option help_text='For us'",
    "Please add a help text: 'For us'": "option help_text='For us'",
    'help_text should be "For us"': "option help_text='For us'",
    "verbose_name='Customer note'": "option verbose_name='Customer note'",
    "remove the help text": "option help_text=",
    "please don't add it to the admin list": "admin=",
    "Please do not show it in the admin list.": "admin=",
    "remove it from list_display": "admin=",
    "It should not be in the admin list": "admin=",
    "take it out of the admin": "admin=",
    "not in the admin list please": "admin=",
    "No need to show this in the admin.": "admin=",
    "add it to list_display too": "admin=yes",
    "add it to list_filter too": "filter=yes",
    "Please also add it to the admin filters": "filter=yes",
    "add it to list_display / list_filter too": "filter=yes, admin=yes",
    "show it in the admin list and on the form": "admin=yes, form=yes",
    "drop it from list_filter": "filter=",
    "please remove it from the admin and the form": "admin=, form=",
    "Add it to the form too": "form=yes",
    "also on the form": "form=yes",
    "It should be on the form too.": "form=yes",
    "drop it from the form": "form=",
    "also in the serializer please": "serializer=yes",
    "expose it in the API": "serializer=yes",
    "Please add a test.": "test=yes",
    "no test needed": "test=",
    "make it `CharField(max_length=200)`": "option max_length=200, type=CharField",
    "Please make this a SlugField with max_length 50": "option max_length=50, type=SlugField",
    "max_length=200, null=True": "option max_length=200, option null=True",
    "max_length=200. Also add it to the form.": "option max_length=200, form=yes",
    'Existing rows should get "n/a"': "existing='n/a'",
    "Default 'n/a' for existing rows, please.": "existing='n/a'",
}


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


@pytest.mark.parametrize("words", NAMED)
def test_another_name(made: reviews.Made, words: str) -> None:
    assert asked(made, words) == "name=customer_note"


@pytest.mark.parametrize("words", LONGER)
def test_another_length(made: reviews.Made, words: str) -> None:
    assert asked(made, words) == "option max_length=200"


def test_what_people_are_shown_as_examples_is_taken(made: reviews.Made) -> None:
    remarks = registry.by_name(made.plan.recipe).remarks
    assert len(remarks) > 5
    assert [one for one in remarks if asked(made, one) in ("?", "")] == []


@pytest.mark.parametrize(("words", "wanted"), TAKEN.items())
def test_what_else_is_taken(made: reviews.Made, words: str, wanted: str) -> None:
    assert asked(made, words) == wanted


def test_near_misses_are_left(made: reviews.Made) -> None:
    lines = NEAR_MISSES.read_text(encoding="utf-8").splitlines()
    words = [one.replace("\\n", "\n") for one in lines if one and not one.startswith("# ")]
    assert len(words) > 300
    # Of some that only accompany others nothing is wanted, which is left as well.
    taken = {one: found for one in words if (found := asked(made, one)) not in ("?", "")}
    assert taken == {}


@pytest.mark.parametrize(
    "words",
    [
        "drop this",
        "please don't show it here",
        "not here",
        "leave this out",
        "Remove it from here.",
    ],
)
def test_not_here_is_said_on_a_list(made: reviews.Made, words: str) -> None:
    assert asked(made, words, listed="admin") == "admin="
    assert asked(made, words) == "?"


@pytest.mark.parametrize(
    "words",
    [
        "rename it to `customer_note`",
        "make it optional",
        "make it nullable",
        "the default should be 0",
        "It should be at most 200 characters long.",
    ],
)
def test_away_from_its_lines_the_field_is_named(made: reviews.Made, words: str) -> None:
    assert asked(made, words, at_hand=False) == "?"
    named = words.replace(" it ", " `note` ").replace("It ", "`note` ")
    named = named.replace("the default", "the default of `note`")
    assert asked(made, named, at_hand=False) not in ("?", "")


@pytest.mark.parametrize("words", ["max_length=200", "please don't add it to the admin list"])
def test_what_can_be_nothing_else_needs_no_name(made: reviews.Made, words: str) -> None:
    assert asked(made, words, at_hand=False) not in ("?", "")


# --- where a thread stands -------------------------------------------------------------------


def test_a_thread_on_another_line_is_left(made: reviews.Made) -> None:
    heard = made.heard("max_length=200", "email = ", MODELS)
    assert (heard.end, heard.words) == (
        "open",
        "It stands on lines that this recipe has not written.",
    )


def test_a_thread_in_another_file_is_left(made: reviews.Made) -> None:
    heard = made.heard("rename `note` to `remark`", "fields", FORMS_PATH)
    assert heard.words == f"This recipe has written nothing in `{FORMS_PATH}`."


def test_a_thread_on_the_migration_has_to_name_the_field(made: reviews.Made) -> None:
    path = "shop/migrations/0002_customer_note.py"
    assert made.heard("rename it to `remark`", path=path).end == "open"
    assert made.heard("rename `note` to `remark`", path=path).end == "revised"


def test_this_on_the_admin_list_is_the_list(made: reviews.Made) -> None:
    heard = made.heard("Please drop this.", "list_display", ADMIN_PATH)
    assert heard.words == "Took it out of `list_display` of CustomerAdmin."
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
    assert found.heard[0].words == "Added it to `list_filter` of CustomerAdmin."
    assert line in made.edited(found.plan)[ADMIN_PATH].splitlines()
    assert "Add note to list_filter of CustomerAdmin" in found.plan.steps[2]
    again = revising.revised(
        found.plan, [revising.Wish(words="drop `note` from list_filter")], made.ground
    )
    assert again.heard[0].words == "Took it out of `list_filter` of CustomerAdmin."
    assert made.edited(again.plan) == made.edited()


def test_filters_that_code_works_out_are_asked_about() -> None:
    code = "    def get_list_filter(self, request):\n        return []\n"
    made = reviews.a_field(files=reviews.SHOP | {ADMIN_PATH: reviews.ADMIN + code})
    heard = made.heard("add it to list_filter", "note = ", MODELS)
    assert "works its list out in get_list_filter()" in heard.words


# --- suggestions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("customer_note = models.CharField(max_length=120, blank=True)", "`customer_note`"),
        ("note = models.CharField(blank=True, max_length=60)", "`max_length=60`"),
        ("note = models.TextField(blank=True)", "Made a TextField; Took `max_length` out"),
        ('note = models.CharField("Note", max_length=120, blank=True)', "`verbose_name='Note'`"),
        ("note = models.CharField(\n        max_length=20, blank=True\n    )", "`max_length=20`"),
        ("note = models.DateTimeField(default=timezone.now)", "`default=timezone.now`"),
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
        "    note = models.CharField(max_length=120, blank=True",
        "    note = models.CharField(max_length=120)\n    other = 1",
        "    note = make_field()",
        "    note = models.CharField(max_length=LENGTH, blank=True)",
        "    note = models.CharField(max_length=120, blank=True, validators=[check])",
        "",
        "    # note",
    ],
)
def test_a_suggestion_of_more_than_the_field_is_left(made: reviews.Made, suggestion: str) -> None:
    assert made.heard("", "note = ", MODELS, suggestion).end == "open"


@pytest.mark.parametrize(
    "suggestion",
    [
        "    note = models.CharField(max_length=120, blank=True)  # for the packers",
        "    note = models.CharField(\n        max_length=120,\n        blank=True,\n    )",
        "    note = models.CharField(blank=True, max_length=120)",
    ],
)
def test_a_suggestion_that_lays_out_the_same_otherwise_is_left(made, suggestion: str) -> None:
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


def test_a_suggestion_that_says_what_is_there_changes_nothing(made: reviews.Made) -> None:
    line = "    note = models.CharField(max_length=120, blank=True)"
    assert made.heard("", "note = ", MODELS, line).end == "nothing"


# --- what then does not go -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("rename it to `class`", "`class` is a Python keyword"),
        ("rename it to `note__x`", "which Django forbids"),
        ("rename it to `email`", "exists already on shop.Customer"),
        ("default should be 'n/a', max_length=2", "more than max_length=2"),
        ("remove max_length", "How many characters may it have?"),
        ("make it required", "Which value do existing rows get?"),
        ("make it unique", "A unique field cannot give all existing rows the same value"),
        ("max_length=0", "this option is a whole number from 1 up"),
        ('help_text="a&nbsp;b"', "holds markup"),
        ("also in the serializer", "No ModelSerializer for shop.Customer was found"),
        ("make it a TextField", "Whether a TextField is to keep `max_length=120`"),
    ],
)
def test_what_does_not_go_is_said(made: reviews.Made, words: str, why: str) -> None:
    heard = made.heard(words, "note = ", MODELS)
    assert heard.end == "open"
    assert why in heard.words
