"""The line that is proposed carries everything that was understood, or says what it leaves out."""

from __future__ import annotations

import re

import pytest

from agent.domain import Ticket
from agent.errors import NoRecipe, TicketUnclear
from agent.recipes.add_field import facts, understanding
from agent.recipes.add_field.parameters import Parameters
from tests.unit.recipes.trees import SHOP, form, questions, settle

LIBRARY = {
    "config/__init__.py": "",
    "config/settings.py": "",
    "library/__init__.py": "",
    "library/migrations/__init__.py": "",
    "library/migrations/0001_initial.py": "",
    "library/models.py": """from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=200)


class Loan(models.Model):
    borrower = models.CharField(max_length=100)
""",
    "library/admin.py": """from django.contrib import admin

from library.models import Book, Loan


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ["title"]


admin.site.register(Loan)
""",
    "library/forms.py": """from django import forms

from library.models import Book


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["title"]
""",
    "tests/__init__.py": "",
    "tests/test_loans.py": """from library.models import Loan


def test_a_loan_has_a_borrower():
    assert Loan(borrower="Ada").borrower == "Ada"
""",
}
EVERYTHING = (
    "### Model\n\nBok\n\n### Field name\n\npublisher\n\n### Field type\n\nForeignKey\n\n"
    "### Show in admin list\n\nYes\n\n### Add to form\n\nYes\n\n### Add a test\n\nYes\n"
)
TICKETS = [
    ("Add FIELD to MODEL", EVERYTHING),
    ("Add FIELD to MODEL", EVERYTHING.replace("ForeignKey", "PositiveIntegerField, default=3")),
    ("Add FIELD to MODEL", EVERYTHING.replace("Bok", "Loan")),
    ("Add FIELD to MODEL", EVERYTHING.replace("form\n\nYes", "form\n\nBookForm")),
    ("Fee", "Add a DecimalField fee to library.Loan, null. Also a test."),
    (
        "Copies",
        (
            "**Model:** Bok\n**Field:** copies\n**Type:** PositiveIntegerField, default=1\n\n"
            "Please add tests too."
        ),
    ),
    (
        "Please add a rating to books",
        (
            "Please add a field `rating` (PositiveSmallIntegerField, "
            "default 0, choices 1 to 5) to the Book model. Would be nice to see it in the admin too."
        ),
    ),
    (
        "Books need a shelf mark",
        (
            "Please add a CharField shelf_mark (max 20 characters, required) "
            "to Book, show it in the admin list and write a test."
        ),
    ),
    (
        "Due",
        (
            "Add a DateField due with null=True and blank=True to library.Loan and show it in the "
            "admin list. Add a test."
        ),
    ),
    (
        "Language",
        (
            "Each Bok should have a language field, CharField with at most 5 characters, old "
            "rows get 'en'. Show it in the admin list and in the form, and test it."
        ),
    ),
    (
        "Notes",
        (
            "Add a TextField `notes` to Book and Loan, blank=True. Show it in the form and add a "
            "test."
        ),
    ),
    (
        "Title should be unique per language",
        ("Add a CharField `mark` with max_length=50 to Book. Add a test."),
    ),
    (
        "Search",
        "Add a CharField `mark` with max_length=50 to Book. Search by it. Add it to the form.",
    ),
]


def unclear(title: str, body: str) -> TicketUnclear:
    with pytest.raises(TicketUnclear) as raised:
        settle(body, LIBRARY, title)
    return raised.value


def carried(settled: Parameters) -> set[str]:
    return {one.kind for one in settled.listings} | ({"test"} if settled.test else set())


@pytest.mark.parametrize(("title", "body"), TICKETS)
def test_the_line_brings_all_that_was_asked_for_or_says_what_it_leaves_out(
    title: str, body: str
) -> None:
    asked = unclear(title, body)
    head, line = asked.answer.split("\n")
    line = line.strip().replace("app.Model", "library.Loan")
    where = head.split("This line, ")[1].split(", settles")[0]
    text = f"{body}\n\n{line}" if where == "added to the ticket" else line
    settled = settle(text, LIBRARY, "" if "title" in where else title)
    stated = facts.read(Ticket(ticket_id="", title=title, body=body, digest=""))
    wanted = set(understanding.companions(stated))
    left = {kind for kind in wanted if f"the {understanding.COMPANIONS[kind]}" in head}
    assert wanted
    assert carried(settled) == wanted - left
    sentences = [*stated.beyond, *(one.sentence for one in stated.doubts if not one.said)]
    if where != "added to the ticket":
        assert all(one.removesuffix(".") in head for one in sentences)
    for option in re.findall(r"(\w+)=(\S+?)[,.]", asked.understood):
        assert "=".join(option) in f"{line} {head}"


def test_what_nobody_named_is_to_be_replaced() -> None:
    answer = unclear("Add FIELD to MODEL", EVERYTHING).answer
    assert "; replace `app.Model` in it by the model it points to:" in answer
    assert answer.endswith(
        "Add a ForeignKey `publisher` to `library.Book` with to='app.Model', on_delete=SET_NULL, "
        "null=True. Show it in the admin list. Add it to the form. Add a test."
    )


def test_choices_between_two_numbers_are_numbers() -> None:
    title, body = TICKETS[6]
    answer = unclear(title, body.replace("default 0", "default 1")).answer
    assert "choices=[(1, '1'), (2, '2'), (3, '3'), (4, '4'), (5, '5')]" in answer
    assert "default=1" in answer


def test_a_default_that_is_no_choice_stays_and_the_choices_are_named() -> None:
    head, line = unclear(*TICKETS[6]).answer.split("\n")
    assert "this leaves out: choices 1, 2, 3, 4, 5" in head
    assert line.endswith("with default=0. Show it in the admin list.")


def test_what_cannot_be_shown_is_named_as_left_out() -> None:
    head, line = unclear(*TICKETS[8]).answer.split("\n")
    assert head.endswith("; this leaves out: the admin list:")
    assert line.endswith("null=True, blank=True. Add a test.")


def test_nobody_is_handed_the_opposite_of_what_was_said() -> None:
    assert unclear("", "Don't add a CharField `mark` with max_length=5 to Book.").answer == ""


@pytest.mark.parametrize(
    ("title", "unique"),
    [
        ("Badges need not be unique", False),
        ("A badge does not have to be unique", False),
        ("Not unique badges", False),
        ("Unique badge numbers for loans", True),
    ],
)
def test_a_title_says_no_where_it_says_no(title: str, unique: bool) -> None:
    settled = settle("Add an IntegerField badge with null=True to library.Loan.", LIBRARY, title)
    assert settled.field.is_on("unique") is unique


@pytest.mark.parametrize(
    "said",
    [
        "unique per language",
        "unique within a shelf",
        "unique together with `title`",
        "unique for each language",
    ],
)
def test_what_is_unique_only_with_others_is_asked_about(said: str) -> None:
    asked = unclear(f"The mark should be {said}", "Add an IntegerField `mark`, null=True, to Book.")
    assert any(f"asks for what is “{said}”" in one for one in asked.questions)
    assert "unique=True" not in asked.answer


@pytest.mark.parametrize("title", ["Books need a shelf mark", "Loan due date 2", "Shelf mark"])
def test_a_title_may_be_loose(title: str) -> None:
    body = f"Add a DateField `shelf_mark`, null=True, to {'Loan' if 'Loan' in title else 'Book'}."
    assert settle(body, LIBRARY, title).field.name == "shelf_mark"


def test_the_plural_of_one_model_is_that_model() -> None:
    body = "Add a DateField `born` with null=True."
    assert settle(body, LIBRARY, "Books need a date of birth").model == "Book"
    asked = unclear("Loans need a date of birth", "Add a DateField `born`, null=True, to Book.")
    assert any("names more than one model" in one for one in asked.questions)


def test_only_the_type_is_open_where_the_text_repeats_the_title() -> None:
    asked = questions(
        "Please add a field for it to the customer.", SHOP, "Customers need a nickname"
    )
    assert asked == ("Which field type is meant? State it as in `CharField`.",)
    another = questions("Please add a field for it to the shop.", SHOP, "Customers need a nickname")
    assert "The ticket also says: “Please add a field for it to the shop”" in another[0]


def test_a_model_in_plain_words_is_asked_about() -> None:
    body = "It would be cool if loans knew the fee. Add a field for that."
    asked = unclear("Add overdue fee", body).questions
    assert asked[0] == "Which model gets the field? State it as in `app.Model`. Is it library.Loan?"
    with pytest.raises(NoRecipe) as raised:
        settle(
            "It would be cool if shelves knew the fee. Add a field for that.", LIBRARY, "Add fee"
        )
    assert "language model" not in raised.value.message


@pytest.mark.parametrize("test", ["Also a test.", "Test please.", "With a test.", "Plus tests."])
def test_a_test_is_asked_for_in_few_words(test: str) -> None:
    assert settle(f"Add a DateField `due`, null=True, to Loan. {test}", LIBRARY).test


def test_a_type_may_bring_its_options() -> None:
    body = form(field_type="DecimalField(max_digits=6, decimal_places=2)", options="default=0")
    settled = settle(body, SHOP)
    assert [one.name for one in settled.field.options] == [
        "max_digits",
        "decimal_places",
        "default",
    ]


def test_a_boolean_is_a_type_and_no_name() -> None:
    body = "I'd like a boolean field called `lost` on Loan, default False."
    assert settle(body, LIBRARY, "New boolean on Loan").field.name == "lost"


def test_what_is_quoted_ends_with_a_whole_word_and_has_both_its_brackets() -> None:
    asked = questions(
        "Add a CharField `mark` (max_length=5, twice a wordy thing) to the Customer, null=True.",
        SHOP,
    )
    (quoted,) = re.findall(r"also says: (.*?)\. One", asked[0])
    assert quoted.count("(") == quoted.count(")")
    long = "Add a CharField `mark` to Customer, null=True, " + "wholeword " * 30 + "?"
    (cut,) = re.findall(r"“([^”]*)\.\.\.”", questions(long, SHOP)[0])
    assert cut.endswith("wholeword")


def test_a_default_without_quotes_stays_the_default() -> None:
    answer = unclear("", "Add a CharField `size` to Book with max_length=10, default=small.").answer
    assert answer.endswith("with max_length=10, default='small'.")


def test_another_model_and_another_wish_are_named_as_left_out() -> None:
    answer = unclear("", "Add a TextField `bio` with blank=True to Book and Loan.").answer
    assert "this leaves out: the model library.Loan:" in answer
    body = "Book should get an IntegerField `mark`, default=0, must never be more than 3."
    answer = unclear("", body).answer
    assert f"this leaves out: what else “{body}” says:" in answer


def test_a_sentence_about_the_field_by_its_name_is_one_about_the_field() -> None:
    body = "The mark should not be nullable. Add a CharField `mark` to Book, max_length=4, default='a'."
    assert not settle(body, LIBRARY).field.is_on("null")


@pytest.mark.parametrize(
    ("title", "body", "name"),
    [
        ("Customer: add last_seen timestamp", "Add a nullable DateTimeField last_seen to shop.Customer.", "last_seen"),
        ("Customers: keep track of a comment", "Add a text field comment to shop.Customer, blank=True.", "comment"),
        ("Customers should have a colour", "Customers want a color, please add a CharField color to shop.Customer, max_length=7, blank=True.", "color"),
        ("Add a CharField `nickname` to `shop.Customer` with max_length=50, blank=True", "", "nickname"),
        ("", "Add a CharField `nickname` to `shop.Customer` with max_length=50, blank=True", "nickname"),
    ],
)  # fmt: skip
def test_a_title_that_says_the_same_asks_for_nothing_more(title, body, name):
    assert settle(body, title=title).field.name == name


@pytest.mark.parametrize("title", ["Shop: add last_seen timestamp", "Customer: index last_seen"])
def test_a_title_that_says_more_is_asked_about(title):
    assert questions("Add a nullable DateTimeField last_seen to shop.Customer.", title=title)


@pytest.mark.parametrize(
    ("body", "line", "left_out"),
    [
        (
            "Add an IntegerField `rank` to Bok with default='zero' and unqiue=True.",
            "Add an IntegerField `rank` to `library.Book` with unique=True, null=True.",
            "default='zero'",
        ),
        (
            "Add a CharField `class` to `Bok` with max_length=0.",
            'Add a CharField `new_class` to `library.Book` with max_length=50, default="".',
            "",
        ),
        (
            "Add a CharFeild `nick` to `Bok` with max_lenght=20.",
            'Add a CharField `nick` to `library.Book` with max_length=20, default="".',
            "",
        ),
        (
            "Add `rank` and `notes` to Bok with default=0.",
            "Add an IntegerField `rank` to `library.Book` with default=0.",
            "the field `notes`",
        ),
        (
            "Add a DateTimeField `seen` to Bok with auto_now=True, default=now, foo=1.",
            "Add a DateTimeField `seen` to `library.Book` with default=timezone.now.",
            "auto_now=True, foo=1",
        ),
        (
            "Add a DecimalField `fee` to Lone with max_digits=2, decimal_places=4.",
            "Add a DecimalField `fee` to `library.Loan` with decimal_places=4, max_digits=8, default=0.",
            "",
        ),
    ],
)
def test_a_ticket_with_several_mistakes_gets_one_whole_line(body, line, left_out) -> None:
    asked = unclear("A field", body)
    assert len(asked.questions) > 1
    head, copied = asked.answer.split("\n")
    assert copied.strip().startswith(line)
    assert left_out in head
    settle(copied.strip(), LIBRARY, "A field")
