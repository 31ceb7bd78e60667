"""What a review asks for, over all its threads: order, contradictions, answers, the new plan."""

from __future__ import annotations

import pytest

from agent.domain import Change, ChangedFile
from agent.pulls import Thread, ThreadComment
from agent.recipes import revising
from agent.recipes.add_field import restating, settling
from agent.recipes.add_field.parameters import Parameters
from tests.unit.recipes import reviews, trees
from tests.unit.recipes.reviews import MODELS, STOCK

_NOTE = "note = "


@pytest.fixture(scope="module")
def made() -> reviews.Made:
    return reviews.a_field()


def test_a_rename_is_a_new_plan(made: reviews.Made) -> None:
    wish = made.wish("Please rename it to `customer_note`.", _NOTE, MODELS)
    found = made.revised(wish)
    assert found.plan.title == "Add customer_note to Customer"
    assert "customer_note" in found.plan.steps[0]
    assert [one.end for one in found.heard] == ["revised"]
    edited = made.edited(found.plan)
    line = "    customer_note = models.CharField(max_length=120, blank=True)"
    assert line in edited[MODELS].splitlines()
    assert 'list_display = ("name", "email", "customer_note")' in edited[reviews.ADMIN_PATH]
    assert not any(" note " in text or '"note"' in text for text in edited.values())


def test_wishes_are_made_one_after_the_other(made: reviews.Made) -> None:
    wishes = [
        made.wish("`max_length=200`, please", _NOTE, MODELS),
        made.wish("rename `note` to `customer_note`"),
        made.wish("The help text of `note`: 'For us'", _NOTE, MODELS),
    ]
    found = made.revised(*wishes)
    assert [one.end for one in found.heard] == ["revised"] * 3
    assert "customer_note = models.CharField" in made.edited(found.plan)[MODELS]
    assert made.revised(*reversed(wishes)).plan.parameters == found.plan.parameters


def test_one_wish_may_need_another_that_comes_later(made: reviews.Made) -> None:
    required = made.wish("blank=False", _NOTE, MODELS)
    default = made.wish("default should be an empty string", _NOTE, MODELS)
    assert made.revised(required).heard[0].end == "open"
    found = made.revised(required, default)
    assert [one.end for one in found.heard] == ["revised", "revised"]


def test_contradictions_are_for_people(made: reviews.Made) -> None:
    wishes = [
        made.wish("call it `remark`", _NOTE, MODELS),
        made.wish("call it `hint`", _NOTE, MODELS),
        made.wish("max_length=200", _NOTE, MODELS),
    ]
    found = made.revised(*wishes)
    assert [one.end for one in found.heard] == ["open", "open", "revised"]
    assert found.plan.title == made.plan.title


def test_what_is_so_already_is_said_to_be(made: reviews.Made) -> None:
    for words in ("max_length should be 120", "call it `note`", "show it in the admin list"):
        found = made.revised(made.wish(words, _NOTE, MODELS))
        assert found.heard[0].end == "nothing", words
        assert found.plan == made.plan


def test_a_revised_plan_can_be_revised_again(made: reviews.Made) -> None:
    first = made.revised(made.wish("call it `remark`", _NOTE, MODELS))
    line = "    remark = models.CharField(max_length=120, blank=True)"
    wish = revising.Wish(words="max_length=60", path=MODELS, first_line=14, line=14, code=line)
    second = revising.revised(first.plan, [wish], made.ground)
    assert second.heard[0].end == "revised"
    assert "max_length=60" in second.plan.steps[0]


@pytest.mark.parametrize(
    "asks",
    [
        reviews.ASKS,
        "Add a nullable DecimalField `fee` to shop.Customer with max_digits=8, decimal_places=2",
        (
            "Add a ForeignKey `clerk` to shop.Customer with to=settings.AUTH_USER_MODEL, null=True, "
            "on_delete=SET_NULL, related_name='customers'"
        ),
        (
            "Add a CharField `size` to shop.Customer with max_length=1, default='M', "
            "choices=[('S', 'Small'), ('M', 'Medium')]"
        ),
    ],
)
def test_settled_parameters_settle_to_themselves(asks: str) -> None:
    before = trees.settle(asks, reviews.SHOP)
    ground = reviews.a_field().ground
    assert restating.revised(before, (), ground) == before
    again = settling.settle_again(restating.facts_of(before), ground)
    assert Parameters.model_validate(again.model_dump() | {"remarks": ()}) == before.model_copy(
        update={"remarks": ()}
    )


def test_messages_get_their_levels_in_a_new_plan() -> None:
    made = reviews.messages()
    found = made.revised(
        made.wish("use logger.debug here instead of info", "Refilling", STOCK),
        made.wish("leave the print in `shop/mail.py`"),
    )
    assert [one.end for one in found.heard] == ["revised", "revised"]
    edited = made.edited(found.plan)
    assert 'logger.debug("Refilling %s", item)' in edited[STOCK]
    assert list(edited) == [STOCK]


def _comment(body: str, *, ours: bool = False) -> ThreadComment:
    return ThreadComment(
        comment_id=1, author="ann", author_id=1, ours=ours, body=body, at="2026-01-01T00:00:00Z"
    )


def test_a_thread_becomes_a_wish_of_what_nobody_has_answered() -> None:
    thread = Thread(
        thread_id="1",
        place="inline",
        path=MODELS,
        line=3,
        first_line=2,
        comments=(
            _comment("call it `remark`"),
            _comment("Done.", ours=True),
            _comment("Sorry.\r\n```suggestion\r\n    hint = 1\r\n```\r\nThis is it."),
        ),
    )
    wish = revising.wish_of(thread, b"one\n  two\n  three\nfour\n")
    assert wish.words == "Sorry.\n\nThis is it."
    assert wish.suggestion == "    hint = 1\n"
    assert (wish.first_line, wish.line, wish.code) == (2, 3, "  two\n  three")


def test_two_suggestions_in_one_thread_stay_words() -> None:
    body = "```suggestion\na = 1\n```\nor\n```suggestion\nb = 1\n```"
    thread = Thread(thread_id="1", place="inline", path=MODELS, line=1, comments=(_comment(body),))
    wish = revising.wish_of(thread, b"a\n")
    assert wish.suggestion is None
    assert wish.words == body


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        ("```suggestion\n" * 300, None),
        ("", "    note = models.CharField(" + "-" * 20_000 + "1)"),
        ("", "    note = models.CharField(max_length=1" + "0" * 5_000 + ")"),
    ],
)
def test_what_is_too_much_to_read_is_left(
    made: reviews.Made, words: str, suggestion: str | None
) -> None:
    assert made.heard(words, _NOTE, MODELS, suggestion).end == "open"


def test_the_answer_names_the_migration() -> None:
    heard = revising.Heard(end="revised", words="Renamed to `remark`.")
    path = "shop/migrations/0002_customer_remark.py"
    change = Change(
        base_commit="a" * 40, files=(ChangedFile(path=path, before=None, after=b""),), notes=()
    )
    assert "`0002_customer_remark`" in revising.told(heard, change)
    assert revising.told(heard, change.model_copy(update={"files": ()})) == heard.words
