"""Commands that people write in comments: `/mergewright NAME words`. Pure.

A command begins a line of what its writer says; in a quotation or in code it is somebody else's
words, or an example. One comment holds one command: the first.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from markdown_it import MarkdownIt

from agent import cleaning
from agent.domain import Record

Name = Literal["plan", "approve", "retry", "stop", "explain", "help"]
NAMES: tuple[Name, ...] = get_args(Name)

#: What each is for, as `help` tells it.
MEANT_FOR: dict[Name, str] = {
    "plan": "make a plan, and wait for its approval before anything is edited;"
    " followed by words: change the plan that waits accordingly",
    "approve": "carry out the plan that waits; with its number, that one and no other",
    "retry": "begin again with the text of the issue as it is now, or go on where a limit was"
    " reached",
    "stop": "stop the run of this issue; nothing is published",
    "explain": "say where the run stands and what comes next",
    "help": "show this list",
}
_COMMAND = re.compile(r"[ ]{0,3}/mergewright\b[ \t]*(?P<rest>.*)", re.IGNORECASE)
_CHANGE = re.compile(r"\s*change the plan\s*:\s*(?P<words>\S.*)", re.IGNORECASE | re.DOTALL)
_LONGEST_NAME = 40


class Command(Record):
    """What somebody asks for."""

    name: Name
    words: str = ""
    """What follows the name, to the end of the comment."""


class Unknown(Record):
    """A command of ours that there is not."""

    name: str
    """As it was written, cut; foreign words."""


def parse(body: str) -> Command | Unknown | None:
    """Find the command in a comment; None: it has none.

    Args:
        body: Visible text and markup, as it was written.
    """
    text, _ = cleaning.incoming(body)
    if changed := _CHANGE.fullmatch(text):
        return Command(name="plan", words=changed["words"].strip())
    lines = text.split("\n")
    for number in _own_lines(text):
        if found := _COMMAND.fullmatch(lines[number]):
            name, _, words = found["rest"].strip().partition(" ")
            rest = "\n".join((words, *lines[number + 1 :])).strip()
            return _named(name, rest)
    return None


def _named(name: str, words: str) -> Command | Unknown:
    wanted = name.lower().rstrip(".,:;!")
    for known in NAMES:
        if wanted == known:
            return Command(name=known, words=words)
    return Unknown(name=name[:_LONGEST_NAME]) if name else Command(name="help")


def _own_lines(text: str) -> list[int]:
    """Numbers of the lines of plain paragraphs: no quotation, list, code or HTML."""
    return [
        number
        for token in MarkdownIt("commonmark").parse(text)
        if token.type == "paragraph_open" and token.level == 0 and token.map
        for number in range(*token.map)
    ]
