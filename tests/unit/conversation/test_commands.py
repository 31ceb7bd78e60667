"""Which words of a comment are a command."""

from __future__ import annotations

import random

import pytest

from agent.conversation import commands
from agent.conversation.commands import Change, Command, Unknown, parse


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("/mergewright retry", Command(name="retry")),
        ("/Mergewright  STOP.", Command(name="stop")),
        ("   /mergewright help", Command(name="help")),
        ("/mergewright", Command(name="help")),
        ("/mergewright approve 1a2b3c4d", Command(name="approve", words="1a2b3c4d")),
        ("Looks right to me.\n\n/mergewright approve\n", Command(name="approve")),
        ("Looks right to me.\n/mergewright approve", Command(name="approve")),
        ("/mergewright stop\r\n\r\nSorry.", Command(name="stop")),
        ("/mergewright approve 1a2b3c4d\n\n-- \nWanda", Command(name="approve", words="1a2b3c4d")),
        ("/mergewright\tstop", Command(name="stop")),
        ("/mergewright plan\n\nThanks, Wanda", Command(name="plan")),
        (
            "/mergewright plan leave the admin out\nand say so",
            Command(name="plan", words="leave the admin out\nand say so"),
        ),
        (
            "Change the plan: no migration, please.\n\n- keep `a`",
            Change(words="no migration, please.\n\n- keep `a`"),
        ),
        ("/mergewright stop\n/mergewright retry", Command(name="stop", words="/mergewright retry")),
        ("/merge\u200bwright stop", Command(name="stop")),
        ("/mergewright merge now", Unknown(name="merge")),
        ("/mergewright " + "x" * 80, Unknown(name="x" * 40)),
    ],
)
def test_a_line_that_begins_with_it_is_a_command(body, wanted):
    assert parse(body) == wanted


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Thanks!",
        "Write /mergewright stop to end it.",
        "/mergewrights stop",
        "/mergewright/agent/x.py is wrong",
        "/mergewright-stop",
        "mergewright stop",
        "> /mergewright approve\n\nDid you mean that?",
        "> Maria wrote\n/mergewright approve",
        "`/mergewright stop`",
        "```\n/mergewright stop\n```",
        "~~~~text\n```\n/mergewright stop\n~~~~",
        "    /mergewright stop",
        "- /mergewright stop",
        "1. /mergewright stop",
        "<!-- \n/mergewright stop\n-->",
        "<details>\n/mergewright stop\n</details>",
        "# /mergewright stop",
        "We should change the plan: it is too large.",
        "change the plan:   ",
    ],
)
def test_other_words_are_none(body):
    assert parse(body) is None


def test_every_command_says_what_it_is_for():
    assert set(commands.MEANT_FOR) == set(commands.NAMES)


@pytest.mark.parametrize("seed", range(200))
def test_a_quotation_of_whatever_it_is_commands_nothing(seed):
    parts = ["/mergewright stop", "/mergewright", "\n", "\n\n", ">", "`", "```", "~~~", "- ", "x"]
    parts += ["<details>", "<!--", "-->", "    ", "# ", "***", "\t", "1. "]
    body = "".join(random.Random(seed).choices(parts, k=30))
    parse(body)
    quoted = "\n".join(f"> {line}" for line in f"x\n{body}".split("\n"))
    assert parse(quoted) is None
