"""Read which Debian packages shell commands in files of a repository install. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from repo_config.project_files import Files, split_words
from repo_config.values import DEBIAN_NAME

_PLACE = re.compile(r"(?:[^/]+/){0,3}Dockerfile[^/]*|README[^/]*", re.IGNORECASE)
_COMMENT = re.compile(r"^[ \t]*#.*\n", re.MULTILINE)
#: What only GitHub knows; bounded, so that what is never closed is not searched to its end.
_OPEN = re.compile(r"\$\{\{.{0,500}?\}\}")
_END = re.compile(r"[\n;&|`()]")
#: What stands before a command that it is part of; behind anything else it is prose.
_BEFORE = re.compile(r"RUN|sudo|exec|then|do|if|\$|-.*|\w+=.*")
_PROGRAMS = ("apt-get", "apt", "aptitude")
_MOST = 60
_MOST_FILES = 10


def find_packages(files: Files, scripts: Iterable[str]) -> tuple[str, ...]:
    """List what these scripts install, then what a Dockerfile and the README do."""
    places = [path for path in files.paths if _PLACE.fullmatch(path)][:_MOST_FILES]
    texts = (*scripts, *map(files.text, places))
    return tuple(dict.fromkeys(name for text in texts for name in _read_packages(text)))[:_MOST]


def _read_packages(text: str) -> Iterator[str]:
    plain = _OPEN.sub("$OPEN", _COMMENT.sub("", text)).replace("\\\n", " ")
    for command in (one for one in _END.split(plain) if " install " in one):
        words = split_words(command)
        program = next((at for at, word in enumerate(words) if word in _PROGRAMS), None)
        if program is None or not all(map(_BEFORE.fullmatch, words[:program])):
            continue
        called = words[program:]
        if "install" in called:
            yield from _names(called[called.index("install") :])


def _names(words: list[str]) -> Iterator[str]:
    for before, word in pairwise(words):
        name = re.split("[=:/]", word, maxsplit=1)[0]
        if before not in ("-t", "-o", "-c") and re.fullmatch(DEBIAN_NAME, name):
            yield name
