"""What people write in a review of messages that were prints: a level, or the print back."""

from __future__ import annotations

import pytest

from agent.recipes import registry, review_words
from agent.recipes.print_to_logging import review_phrases
from agent.recipes.print_to_logging.parameters import Parameters
from agent.recipes.print_to_logging.review_phrases import Message
from agent.recipes.review_words import UnreadError
from tests.unit.recipes import reviews
from tests.unit.recipes.reviews import STOCK

HERE = "Refilling"
#: On the line of `logger.info("Refilling %s", item)`.
NAME = "print-to-logging"
TAKEN = {
    "use `logger.debug` instead of `logger.info`": "debug",
    "make it a debug message": "debug",
    "Can you log this at debug, please?": "debug",
    "leave this print as it is": "stays",
    "revert this": "stays",
}
#: No recipe may take these.
NEAR_MISSES = ("should this be debug?", "maybe use logger.debug here", "why info?")


@pytest.fixture(scope="module")
def made() -> reviews.Made:
    return reviews.messages()


def reader(made: reviews.Made) -> review_phrases.Reader:
    """One that reads what is said on the line of the last message of the stock."""
    parameters = Parameters.model_validate_json(made.plan.parameters)
    messages = [
        Message(work.path, one, "")
        for work in parameters.files
        for one in work.conversions
        if one.action == "log"
    ]
    here = [one for one in messages if one.path == STOCK][-1:]
    return review_phrases.Reader(messages, STOCK, here)


def asked(reads: review_phrases.Reader, words: str) -> list[str]:
    """What the words want; `?` where they are not taken."""
    try:
        return [one.value for one in review_words.asked(reads.read, words)]
    except UnreadError:
        return ["?"]


@pytest.mark.parametrize(("words", "wanted"), TAKEN.items())
def test_what_is_said_plainly_is_taken(made: reviews.Made, words: str, wanted: str) -> None:
    assert asked(reader(made), words) == [wanted]


@pytest.mark.parametrize("words", NEAR_MISSES)
def test_near_misses_are_left(made: reviews.Made, words: str) -> None:
    assert asked(reader(made), words) in (["?"], [])


def test_what_people_are_shown_as_examples_is_taken(made: reviews.Made) -> None:
    found = {words: asked(reader(made), words) for words in registry.by_name(NAME).remarks}
    assert {value for values in found.values() for value in values} == {
        "debug", "warning", "stays",
    }, found  # fmt: skip


# --- which messages --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "everything in this file should be debug",
            "lines 5, 9, 11, 16 of shop/stock.py",
        ),
        ("leave the prints in `count`", "lines 5, 9, 11 of shop/stock.py"),
        ("please leave `mail.py` alone", "line 2 of shop/mail.py"),
    ],
)
def test_which_messages_are_meant(made: reviews.Made, words: str, told: str) -> None:
    assert told in made.heard(words, HERE, STOCK).words


@pytest.mark.parametrize(
    "words",
    ["use logger.debug", "leave the print here"],
)
def test_on_no_line_the_message_is_not_known(made: reviews.Made, words: str) -> None:
    assert made.heard(words).end == "open"


def test_away_from_a_line_all_may_be_meant(made: reviews.Made) -> None:
    heard = made.heard("use logger.debug everywhere instead of info")
    assert "line 2 of shop/mail.py; " in heard.words


def test_a_line_that_was_there_is_not_ours(made: reviews.Made) -> None:
    assert made.heard("use logger.debug", "total = sum", STOCK).end == "open"


def test_several_messages_on_the_lines_of_a_thread(made: reviews.Made) -> None:
    lines = made.edited()[STOCK].splitlines()
    first, last = lines.index('    logger.info("Counted %s", total)') + 1, len(lines)
    code = "\n".join(lines[first - 1 :])
    wish = made.wish("these should be debug").model_copy(
        update={"path": STOCK, "first_line": first, "line": last, "code": code}
    )
    assert "lines 11, 16 of shop/stock.py" in made.revised(wish).heard[0].words
    one = wish.model_copy(update={"words": "this should be debug"})
    assert made.revised(one).heard[0].end == "open"


# --- what comes of it ------------------------------------------------------------------------


def test_a_traceback_goes_with_the_level_that_has_one(made: reviews.Made) -> None:
    found = made.revised(made.wish("use logger.error here", "Cannot count", STOCK))
    assert found.heard[0].end == "revised"
    assert 'logger.error("Cannot count %s", error)' in made.edited(found.plan)[STOCK]
    heard = made.heard("use logger.exception here", HERE, STOCK)
    assert "is in no `except`" in heard.words


def test_where_no_print_is_left_to_change_that_is_said(made: reviews.Made) -> None:
    found = made.revised(
        made.wish("leave shop/mail.py alone"), made.wish("leave shop/stock.py alone")
    )
    assert [one.end for one in found.heard] == ["revised", "open"]
    assert "nothing would be left to change" in found.heard[1].words


def test_a_traceback_stays_with_its_message() -> None:
    code = (
        "import traceback\n\n\ndef a(work):\n    try:\n        work()\n    except ValueError:\n"
        "        print('no work')\n        traceback.print_exc()\n\n\ndef b():\n    print('b')\n"
    )
    files = {"shop/__init__.py": "", STOCK: code}
    made = reviews.Made("print-to-logging", reviews.REPLACES, files)
    line = "logger.exception("
    stays = made.revised(made.wish("keep the print", line, STOCK))
    assert "print('no work')\n        traceback.print_exc()" in made.edited(stays.plan)[STOCK]
    warned = made.revised(made.wish("use logger.warning", line, STOCK))
    assert "logger.warning('no work', exc_info=True)" in made.edited(warned.plan)[STOCK]


# --- suggestions -----------------------------------------------------------------------------


def test_a_suggested_level(made: reviews.Made) -> None:
    line = '    logger.warning("Refilling %s", item)'
    assert made.heard("", HERE, STOCK, line).words.startswith("Logged as warning now")
    assert made.heard("too quiet?", HERE, STOCK, line).end == "open"


@pytest.mark.parametrize(
    "line",
    [
        '    logger.debug("Refilling %s", item.name)',
        "",
    ],
)
def test_a_suggestion_of_more_is_left(made: reviews.Made, line: str) -> None:
    assert made.heard("", HERE, STOCK, line).end == "open"


def test_a_base_that_has_moved_is_said(made: reviews.Made) -> None:
    moved = {**reviews.PRINTS, STOCK: "\n\n" + str(reviews.PRINTS[STOCK])}
    ground = reviews.Made("print-to-logging", reviews.REPLACES, moved).ground
    found = reviews.revising.revised(made.plan, [made.wish("debug please", HERE, STOCK)], ground)
    assert "has changed on the base branch" in found.heard[0].words
