"""Tickets on prints in a maintainer's own words, and what is asked about all the same."""

from __future__ import annotations

import pytest

from agent.errors import TicketUnclear
from tests.unit.recipes.print_trees import HEAD, RECIPE, edited, module, settle, ticket

LOANS = 'def save(entries):\n    print("saving", entries)\n'
FILES = module(
    LOANS,
    mail='def send(to):\n    print("sending to", to)\n',
    cli="import argparse\n\n\ndef main():\n    argparse.ArgumentParser().parse_args()\n"
    '    print("usage")\n\n\nif __name__ == "__main__":\n    main()\n',
)
ALL = "Turn all print calls in shop/ into logging calls."
STOCK = "Replace print with logging in shop/stock.py."


def paths(body: str, title: str = "Logging") -> list[str]:
    """The files with prints that are converted, for a ticket that the recipe is chosen for."""
    assert RECIPE.match(ticket(body, title))
    return [work.path for work in settle(FILES, body, title=title).files]


def asked(body: str, title: str = "Logging") -> str:
    with pytest.raises(TicketUnclear) as raised:
        settle(FILES, body, title=title)
    return "\n".join(raised.value.questions)


@pytest.mark.parametrize(
    "body",
    [
        "Could you please replace print with logging in shop/stock.py?",
        "Can we replace print with logging in shop/stock.py?",
        "shop/stock.py uses print. Could you change that to use the logging module instead?",
        "`shop/stock.py` still prints. It should use the logging module.",
        "We want no print() in `shop/stock.py` any more; use a logger. Keep the texts.",
        "Print statements in shop/stock.py clutter our logs. Please convert them to logging.",
        "Please get rid of the prints in shop/stock.py and log instead.",
        "We cannot see what shop/stock.py prints. Use logging there.",
        f"{STOCK} We import from a publisher and print labels.",
        f"{STOCK} shop/mail.py should not change.",
        f"{ALL} shop/mail.py should not change.",
    ],
)
def test_what_a_maintainer_says_plainly_is_understood(body: str) -> None:
    assert paths(body) == ["shop/stock.py"]


@pytest.mark.parametrize(
    "sentence",
    [
        "What the command line prints for the user should stay.",
        "The command line tool must keep printing for the user.",
        "What users see in the terminal should not change.",
        "Output for users in shop/cli.py must remain.",
        "Tests should keep passing.",
        "Use one logger per module, named __name__.",
        "Warnings should be warnings and errors errors.",
        "The messages themselves should stay the same.",
    ],
)
def test_what_is_done_anyway_may_be_said(sentence: str) -> None:
    assert paths(f"{ALL} {sentence}") == ["shop/mail.py", "shop/stock.py"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Could you also bump the version?",
        "Please fix the typo too.",
        "Write them to a file.",
        "We should also rotate the log files.",
        "We print labels, please add a test.",
        "Messages should be JSON.",
    ],
)
def test_what_is_asked_for_besides_is_not_passed_over(sentence: str) -> None:
    assert "The ticket also says: “" in asked(f"{STOCK} {sentence}")


@pytest.mark.parametrize(
    "title",
    ["Should we replace print with logging?", "Should we log?", "Replace print", "It should log"],
)
def test_a_title_does_not_block_a_complete_text(title: str) -> None:
    assert paths(STOCK, title) == ["shop/stock.py"]


@pytest.mark.parametrize(
    "title",
    ["Should we replace print with logging and rename foo?", "Log to a file", "Rename the module"],
)
def test_a_title_that_asks_for_more_is_asked_about(title: str) -> None:
    assert asked(STOCK, title)


def test_only_what_was_written_is_quoted() -> None:
    said = asked(
        "shop/stock.py uses print. Should we change that to use the logging module instead?"
    )
    assert said == (
        "“Should we change that to use the logging module instead?” is a question. What is to be "
        "done? State it."
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('print("DEBUG saving %s entries" % len(x))', 'logger.debug("saving %s entries", len(x))'),
        ('print("DEBUG", x)', 'logger.debug("%s", x)'),
        ('print(f"DEBUG {x} saved")', 'logger.debug("%s saved", x)'),
        ('print(f"INFO {x} saved")', 'logger.info("%s saved", x)'),
        ('print("INFO", "saved", x)', 'logger.info("saved %s", x)'),
        ('print("DEBUG mode is on")', 'logger.debug("DEBUG mode is on")'),
        ('print("DEBUG is", x)', 'logger.debug("DEBUG is %s", x)'),
        ('print("INFO about it")', 'logger.info("INFO about it")'),
        ('print("DEBUG", settings.DEBUG)', 'logger.debug("DEBUG %s", settings.DEBUG)'),
        ('print(f"DEBUG{x}")', 'logger.debug("DEBUG%s", x)'),
        ('print("Debug output of", x)', 'logger.debug("Debug output of %s", x)'),
        ('print("ERROR saving", x)', 'logger.error("ERROR saving %s", x)'),
        ('print("DEBUG")', 'logger.debug("DEBUG")'),
    ],
)
def test_a_level_in_capitals_is_not_said_twice(before: str, after: str) -> None:
    files = module(f"def save(x, settings):\n    {before}\n")
    assert edited(files)["shop/stock.py"].decode() == (
        f"{HEAD}def save(x, settings):\n    {after}\n"
    )
