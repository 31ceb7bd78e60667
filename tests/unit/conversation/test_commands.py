"""Which words of a comment are a command."""

import random

import pytest

from agent.conversation import commands
from agent.conversation.commands import Command, parse_comment


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("/Mergewright  STOP.", Command(name="stop")),
        ("/mergewright approve 1a2b3c4d\n\n-- \nWanda", Command(name="approve", words="1a2b3c4d")),
        (
            "/mergewright plan leave the admin out\nand say so",
            Command(name="plan", words="leave the admin out\nand say so"),
        ),
        ("/merge\u200bwright stop", Command(name="stop")),
        ("/mergewright merge now", Command("", "merge")),
    ],
)
def test_a_line_that_begins_with_it_is_a_command(body, wanted):
    assert parse_comment(body) == wanted


@pytest.mark.parametrize(
    "body",
    [
        "Write /mergewright stop to end it.",
        "/mergewright/agent/x.py is wrong",
        "> Maria wrote\n/mergewright approve",
        "```\n/mergewright stop\n```",
        "<details>\n/mergewright stop\n</details>",
        "Change the plan: it is too large.",
    ],
)
def test_other_words_are_none(body):
    assert parse_comment(body) is None


def test_every_command_says_what_it_is_for():
    assert set(commands.MEANT_FOR) == set(commands.NAMES)


def test_a_quotation_of_whatever_it_is_commands_nothing():
    parts = ["/mergewright stop", "/mergewright", "\n", "\n\n", ">", "`", "```", "~~~", "- ", "x"]
    parts += ["<details>", "<!--", "-->", "    ", "# ", "***", "\t", "1. "]
    for seed in range(200):
        body = "".join(random.Random(seed).choices(parts, k=30))
        parse_comment(body)
        quoted = "\n".join(f"> {line}" for line in f"x\n{body}".split("\n"))
        assert parse_comment(quoted) is None, seed
