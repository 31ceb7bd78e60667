"""What people write in a review of messages that were prints: a level, or the print back."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.recipes import registry, review_words
from agent.recipes.print_to_logging import review_phrases
from agent.recipes.print_to_logging.parameters import Parameters
from agent.recipes.print_to_logging.review_phrases import Message
from agent.recipes.review_words import UnreadError
from tests.unit.recipes import reviews
from tests.unit.recipes.reviews import STOCK

NEAR_MISSES = Path(__file__).parent / "near_misses_of_messages.txt"
HERE = "Refilling"
#: On the line of `logger.info("Refilling %s", item)`.
NAME = "print-to-logging"
TO_DEBUG = (
    "use logger.debug here instead of info",
    "use `logger.debug` instead of `logger.info`",
    "Please use logger.debug",
    "debug please",
    "nit: debug",
    "`debug` level please",
    "this should be debug",
    "This should be logged at debug level.",
    "make this debug",
    "make it a debug message",
    "log this at debug level",
    "log it as debug",
    "level: debug",
    "the level should be debug",
    "should be debug",
    "debug instead of info",
    "debug, not info",
    "Can you log this at debug, please?",
    "change it to debug",
    "lower this to debug",
    "I'd use logger.debug here",
    "I'd log this at debug level",
    "set the level to debug",
    "logger.debug please",
    "use the debug level",
    "turn this into a debug message",
)
STAYS = (
    "leave the print here",
    "keep the print",
    "keep this print",
    "leave this print as it is",
    "please leave the print as is",
    "leave this as print",
    "keep this as a print",
    "Please keep printing this",
    "don't convert this one",
    "do not change this print",
    "leave it as it was",
    "revert this",
    "undo this",
    "this should stay a print",
    "This must remain a print.",
)


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


@pytest.mark.parametrize("words", TO_DEBUG)
def test_another_level(made: reviews.Made, words: str) -> None:
    assert asked(reader(made), words) == ["debug"]


def test_what_people_are_shown_as_examples_is_taken(made: reviews.Made) -> None:
    found = {words: asked(reader(made), words) for words in registry.by_name(NAME).remarks}
    assert {value for values in found.values() for value in values} == {
        "debug", "warning", "stays",
    }, found  # fmt: skip


@pytest.mark.parametrize("words", STAYS)
def test_a_print_that_stays(made: reviews.Made, words: str) -> None:
    assert asked(reader(made), words) == ["stays"]


def test_near_misses_are_left(made: reviews.Made) -> None:
    lines = NEAR_MISSES.read_text(encoding="utf-8").splitlines()
    words = [one.replace("\\n", "\n") for one in lines if one and not one.startswith("# ")]
    assert len(words) > 120
    reads = reader(made)
    taken = {one: found for one in words if (found := asked(reads, one)) not in (["?"], [])}
    assert taken == {}


# --- which messages --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "everything in this file should be debug",
            "Logged as debug now: the prints in lines 5, 9, 11, 16 of shop/stock.py.",
        ),
        (
            "use logger.debug everywhere instead of info",
            "Logged as debug now: the prints in lines 5, 11, 16 of shop/stock.py.",
        ),
        ("leave the prints in `count`", "Left as before: the prints in lines 5, 9, 11 of {}."),
        ("leave the print in `refill()`", "Left as before: the print in line 16 of {}."),
        ("leave the print in shop/mail.py", "Left as before: the print in line 2 of shop/mail.py."),
        ("please leave `mail.py` alone", "Left as before: the print in line 2 of shop/mail.py."),
        ("revert shop.mail", "Left as before: the print in line 2 of shop/mail.py."),
    ],
)
def test_which_messages_are_meant(made: reviews.Made, words: str, told: str) -> None:
    assert made.heard(words, HERE, STOCK).words == told.format(STOCK)


@pytest.mark.parametrize(
    "words",
    ["use logger.debug", "debug please", "leave the print here", "this should be a warning"],
)
def test_on_no_line_the_message_is_not_known(made: reviews.Made, words: str) -> None:
    assert made.heard(words).end == "open"


def test_away_from_a_line_all_may_be_meant(made: reviews.Made) -> None:
    heard = made.heard("use logger.debug everywhere instead of info")
    assert heard.words.startswith("Logged as debug now: the print in line 2 of shop/mail.py; ")


def test_a_function_of_several_prints_is_not_one_print(made: reviews.Made) -> None:
    heard = made.heard("leave the print in `count`", HERE, STOCK)
    assert "There are 3 prints, and one is meant" in heard.words


def test_a_line_that_was_there_is_not_ours(made: reviews.Made) -> None:
    assert made.heard("use logger.debug", "total = sum", STOCK).words == (
        "It stands on lines that this recipe has not written."
    )


def test_several_messages_on_the_lines_of_a_thread(made: reviews.Made) -> None:
    lines = made.edited()[STOCK].splitlines()
    first, last = lines.index('    logger.info("Counted %s", total)') + 1, len(lines)
    code = "\n".join(lines[first - 1 :])
    wish = made.wish("these should be debug").model_copy(
        update={"path": STOCK, "first_line": first, "line": last, "code": code}
    )
    words = "Logged as debug now: the prints in lines 11, 16 of shop/stock.py."
    assert made.revised(wish).heard[0].words == words
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


def test_a_level_that_it_has_changes_nothing(made: reviews.Made) -> None:
    assert made.heard("use logger.info", HERE, STOCK).end == "nothing"
    assert made.heard("debug instead of error", HERE, STOCK).end == "open"


def test_the_logger_goes_with_the_last_message() -> None:
    files = {"shop/__init__.py": "", STOCK: "def a():\n    print('a')\n"}
    files["shop/mail.py"] = "def b():\n    print('b')\n"
    made = reviews.Made("print-to-logging", reviews.REPLACES, files)
    found = made.revised(made.wish("leave the print in `a`"))
    assert list(made.edited(found.plan)) == ["shop/mail.py"]
    assert "Leave 1 other print as before." in found.plan.steps


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


def test_the_print_as_it_was_is_suggested(made: reviews.Made) -> None:
    line = '    print("Refilling", item)'
    assert made.heard("", HERE, STOCK, line).words.startswith("Left as before")


@pytest.mark.parametrize(
    "line",
    [
        '    logger.debug("refilling %s", item)',
        '    logger.debug("Refilling %s", item.name)',
        '    logger.info("Refilling %s", item)  # each time',
        "    pass",
        "",
        '    logger.debug("Refilling %s", item',
    ],
)
def test_a_suggestion_of_more_is_left(made: reviews.Made, line: str) -> None:
    assert made.heard("", HERE, STOCK, line).end == "open"


def test_a_base_that_has_moved_is_said(made: reviews.Made) -> None:
    moved = {**reviews.PRINTS, STOCK: "\n\n" + str(reviews.PRINTS[STOCK])}
    ground = reviews.Made("print-to-logging", reviews.REPLACES, moved).ground
    found = reviews.revising.revised(made.plan, [made.wish("debug please", HERE, STOCK)], ground)
    assert "has changed on the base branch" in found.heard[0].words
