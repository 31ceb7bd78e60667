"""What people mean by a comment: a command, `/mergewright NAME words`, or us. Pure.

A command begins a line of what its writer says; in a quotation or in code it is somebody else's
words, or an example. One comment has one command: the first.
"""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple, get_args

from markdown_it import MarkdownIt

from agent.text import sanitise

Name = Literal["plan", "approve", "retry", "stop", "fix-ci", "rebase", "explain", "help"]
NAMES: tuple[Name, ...] = get_args(Name)

#: Purpose of each command, as `help` lists it.
MEANT_FOR: dict[Name, str] = {
    "plan": "make a plan and wait for approval before editing. With text after it: change the"
    " waiting plan accordingly",
    "approve": "followed by a plan's number: approve that plan",
    "retry": "start over with the current text of the issue, or continue after a limit was reached",
    "stop": "stop this issue's run; nothing is published",
    "fix-ci": "fix failing project checks on our pull request",
    "rebase": "merge the base branch into our pull request, with a model's solution of conflicts,"
    " and run the checks again",
    "explain": "show the run's state and the next step",
    "help": "show this list",
}
_COMMAND = re.compile(r"[ ]{0,3}/mergewright(?:\s+(?P<rest>\S.*))?\s*", re.IGNORECASE)
_MENTION = r"(?<![\w@/`.-])@{}(?:\[bot\])?(?![\w-])"
_ADDRESSEE = re.compile(r"\s*@([\w-]+)")
_QUOTED = re.compile(r"^ {0,3}>.*$", re.MULTILINE)
#: How the last answer of ours in a thread begins; whatever is said there then is for people.
ROUNDS_OVER = "This pull request has had its"


class Command(NamedTuple):
    name: Name | Literal[""]
    """Empty: there is no such command."""
    words: str = ""
    """The text behind the name in the same paragraph; of an unknown command its name, cut."""


def parse_comment(body: str) -> Command | None:
    """Find the command in a comment; None: it has none."""
    text, _ = sanitise.clean_ticket(body)
    if "/mergewright" not in text.lower():
        # Most comments are not ours to read closely, however long they are.
        return None
    lines = text.split("\n")
    for begin, end in _list_paragraphs(text):
        for number in range(begin, end):
            if found := _COMMAND.fullmatch(lines[number]):
                rest = "\n".join((found["rest"] or "", *lines[number + 1 : end])).strip()
                return _parse_command(rest)
    return None


def _parse_command(rest: str) -> Command:
    name, words = [*rest.split(maxsplit=1), "", ""][:2]
    wanted = name.lower().rstrip(".,:;!")
    for listed in NAMES:
        if wanted == listed:
            return Command(listed, words.strip())
    return Command("", name[:40]) if name else Command("help")


def _list_paragraphs(text: str) -> list[tuple[int, int]]:
    """First line of each plain paragraph, and the one behind its last: no quotation, list, code."""
    parsed = MarkdownIt("commonmark").disable("inline").parse(text)
    return [
        (token.map[0], token.map[1])
        for token in parsed
        if token.type == "paragraph_open" and token.level == 0 and token.map
    ]


def is_mentioned(words: str, logins: Collection[str]) -> bool:
    """Whether words name one of the accounts, as in `@mergewright`; a quotation is of others."""
    words = _QUOTED.sub("", words)
    names = {login.lower().removesuffix("[bot]") for login in logins}
    return any(
        re.search(_MENTION.format(re.escape(name)), words, re.IGNORECASE) for name in names if name
    )


def is_for_others(words: str, logins: Collection[str]) -> bool:
    """Whether words begin with the name of somebody else, and name none of the accounts."""
    addressed = _ADDRESSEE.match(_QUOTED.sub("", words))
    return addressed is not None and not is_mentioned(words, logins)


def is_command(words: str) -> bool:
    """Whether a comment has a command of ours in it, which is heard elsewhere."""
    return parse_comment(words) is not None
