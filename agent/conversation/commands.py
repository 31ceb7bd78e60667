"""Commands in comments, `/mergewright NAME words`, and mentions of our accounts. Pure.

A command is at the start of a line, outside of quotations and code. Only the first command of a
comment counts.
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
#: Beginning of our last answer in a thread; later comments there are for people.
ROUNDS_OVER = "This pull request has had its"


class Command(NamedTuple):
    name: Name | Literal[""]
    """Empty: the command is unknown."""
    words: str = ""
    """Text after the name, to the paragraph's end; for an unknown command, its shortened name."""


def parse_comment(body: str) -> Command | None:
    """Return the command in a comment; None: it has none."""
    text, _ = sanitise.clean_ticket(body)
    if "/mergewright" not in text.lower():
        # Most comments have no command, and parsing a long one as Markdown takes time.
        return None
    lines = text.split("\n")
    for begin, end in _list_paragraphs(text):
        for number in range(begin, end):
            if match := _COMMAND.fullmatch(lines[number]):
                rest = "\n".join((match["rest"] or "", *lines[number + 1 : end])).strip()
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
    """List the plain paragraphs, without quotations, lists and code, as ranges of lines."""
    parsed = MarkdownIt("commonmark").disable("inline").parse(text)
    return [
        (token.map[0], token.map[1])
        for token in parsed
        if token.type == "paragraph_open" and token.level == 0 and token.map
    ]


def is_mentioned(words: str, logins: Collection[str]) -> bool:
    """Whether a text mentions one of the accounts, as in `@mergewright`, outside of quotations."""
    words = _QUOTED.sub("", words)
    names = {login.lower().removesuffix("[bot]") for login in logins}
    return any(
        re.search(_MENTION.format(re.escape(name)), words, re.IGNORECASE) for name in names if name
    )


def is_for_others(words: str, logins: Collection[str]) -> bool:
    """Whether a text begins with a mention of an account, and mentions none of `logins`."""
    addressed = _ADDRESSEE.match(_QUOTED.sub("", words))
    return addressed is not None and not is_mentioned(words, logins)


def is_command(words: str) -> bool:
    """Whether a comment has a command of ours; the intake handles these."""
    return parse_comment(words) is not None
