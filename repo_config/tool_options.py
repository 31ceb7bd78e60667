"""Read what a command line tells a tool that checks code: what it looks at, and what it demands.

How a tool prints and how many processes it takes is left out; what cannot be known without running
anything (a shell's variables and patterns) ends it, in words.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from repo_config.known_tools import TOOLS, KnownTool
from repo_config.located import escape_text

#: Of options, those that take what may be a file or folder of the project, or a name like one.
_TAKE_NAMES = """\
    --config --append-config --config-file --settings-path --settings-file --sp --src --src-path
    --exclude --extend-exclude --force-exclude --skip --extend-skip --filename --include
    --application-import-names --known-first-party --project -p -o --thirdparty --package -m
    --module --custom-typeshed-dir -t --typeshedpath --typeshed-path --untyped-calls-exclude
"""


class ToolCommand(NamedTuple):
    """One place where a tool is run."""

    check: str
    """As the check is called: `ruff format`, `mypy`."""
    words: tuple[str, ...]
    """Behind the name of the tool."""
    origin: str
    why: str = ""
    """Why it is no check of the project; empty where it is one."""


class ToolOptions(BaseModel):
    """The options of a tool on its command line."""

    model_config = ConfigDict(frozen=True)

    args: tuple[str, ...] = ()
    """Options, with their values."""
    paths: tuple[str, ...] = ()
    """What it looks at, relative to the folder of the project; empty: what it takes by itself."""

    @property
    def words(self) -> tuple[str, ...]:
        """All of it."""
        return (*self.args, *self.paths)


def find_tool(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the check that a command is, and the words behind its name; "" for any other."""
    if not words:
        return "", ()
    program = re.split(r"[@=]", words[0].rsplit("/", 1)[-1], maxsplit=1)[0]
    rest = tuple(words[1:])
    if redirected := next((at for at, word in enumerate(rest) if word[:1] in ("<", ">")), 0):
        # The number of what is redirected stands before it.
        rest = rest[: redirected - rest[redirected - 1].isdigit()]
    if rest and f"{program} {rest[0]}" in TOOLS:
        return f"{program} {rest[0]}", rest[1:]
    return program if program in TOOLS else "", rest


def parse_options(command: ToolCommand, exists: Callable[[str], bool]) -> ToolOptions | str:
    """Return what a check can take over of a command; words where it cannot follow it.

    Args:
        exists: Whether the project has a file or folder of that name.
    """
    known, words = TOOLS[command.check], command.words
    if command.why:
        return command.why
    if odd := next((word for word in words if re.search(r"[$`{}]", word)), None):
        return _refuse_open(odd)
    if off := next((word for word in words if word in known.never.split()), None):
        return f"{off} makes it no check"
    args: list[str] = []
    paths: list[str] = []
    for is_path, several in _sort_words(words, known, exists):
        if not is_path:
            args += several
        elif exists(several[0]):
            paths.append(posixpath.normpath(several[0]))
        elif re.search(r"[*?\[]", several[0]):
            return _refuse_open(several[0])
        else:
            return f"there is no {escape_text(several[0])}"
    return ToolOptions(args=tuple(args), paths=() if paths == ["."] else tuple(paths))


def _refuse_open(word: str) -> str:
    return f"only a shell could write out its argument {escape_text(word)}"


def _sort_words(
    words: tuple[str, ...], known: KnownTool, exists: Callable[[str], bool]
) -> Iterator[tuple[bool, list[str]]]:
    """Yield each path, and each option that counts with its value; True for a path."""
    silent = known.left_out_with_value.split()
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        option, joined, _ = word.partition("=")
        if word == "--":
            yield from ((True, [path]) for path in waiting)
            return
        if not word.startswith("-"):
            yield True, [word]
        elif option not in known.left_out.split():
            # What is neither an option nor there can only be a value.
            follows = not joined and waiting and not waiting[0].startswith("-")
            takes = option in {*silent, *_TAKE_NAMES.split()} or (
                follows and not exists(waiting[0])
            )
            value = [waiting.pop(0)] if waiting and takes and not joined else []
            if option not in silent:
                yield False, [word, *value]
