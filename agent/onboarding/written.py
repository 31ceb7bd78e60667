"""Write facts down as `.github/mergewright.yml`, each with its reason, and what differs from one.

Owns the text of the file. It is read again before it is handed out: what `config check` would
refuse is never proposed.
"""

from __future__ import annotations

import functools
import operator
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from agent.models.record import Record
from agent.onboarding import effective, facts
from agent.onboarding.effective import Read
from agent.onboarding.facts import Fact, ProjectEvidence
from repo_config import load, reference
from repo_config.located import escape_text
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

_WIDTH = 96
_VERSION = ("version",)
_OPENING = (
    "Proposed by `mergewright config detect`. The comment above each value gives its source."
    " Missing keys are detected or have defaults. `mergewright config check` names mistakes;"
    " `config explain` shows the values in use."
)
_OPEN = "Not decided, for a person. Take the # away to follow one, or delete the lines."


class ProposedFile(Record):
    """A configuration for a repository, with the reason of every value."""

    text: str
    facts: tuple[Fact, ...]
    """What the text says."""
    proposals: tuple[Fact, ...] = ()
    """What it leaves to a person, as comments."""


def propose(
    tree: Tree,
    read: Read | None = None,
    kept: Iterable[Fact] = (),
) -> ProposedFile:
    """Detect what a repository's configuration could say.

    Args:
        tree: The repository.
        read: Its configuration, whose values win over detected ones; None: there is none.
        kept: What a run has measured; it wins over what is detected.
    """
    given = read or Read(RepoConfig(), None)
    kept = tuple(kept)
    roots = (str(one.value) for one in kept if one.key == "root")
    folder = given.config.folder or next(roots, "") or facts.only_folder(tree) or ""
    evidence = ProjectEvidence(tree, folder)
    found = [*facts.find_facts(evidence), *kept]
    known = [one for one in found if _is_taken(one, tree, folder)]
    sure = {one.key: one for one in known if one.sure}
    before = f"as it stood in {given.source.name}" if given.source else ""
    sure |= {one.key: one.model_copy(update={"why": before}) for one in _list_given(given)}
    left = tuple(one for one in known if not one.sure and one.key not in sure)
    return ProposedFile(text=write(sure, left), facts=tuple(sure.values()), proposals=left)


def render(values: Mapping[str, object]) -> list[str]:
    return [f"{key}: {flow(value)}" for key, value in values.items()]


def _is_taken(fact: Fact, tree: Tree, folder: str) -> bool:
    """Whether the configuration has this key and takes this value."""
    if reference.find_annotation(tuple(fact.key.split("."))) is None:
        return False
    entries = {one.key: one for one in (fact,)}
    if folder and fact.key != "root":
        entries["root"] = Fact(key="root", value=folder, why="")
    try:
        load.from_text(write(entries), "proposed.yml", tree)
    except load.ConfigProblem:
        return False
    return True


def _list_given(read: Read) -> Iterator[Fact]:
    places, values = effective.KeyPlaces(read), read.config.model_dump(mode="json")
    for path, section in reference.sections():
        inner = functools.reduce(operator.getitem, path, values)
        for name, field in section.model_fields.items():
            place = places.of((*path, name))
            if place and not reference.is_section(field.annotation) and (*path, name) != _VERSION:
                yield Fact(key=".".join((*path, name)), value=inner[name], why=place)


# --- YAML -------------------------------------------------------------------------------------


def write(sure: dict[str, Fact], left: tuple[Fact, ...] = ()) -> str:
    """Write facts by key as a file, and those that are left to a person as comments."""
    lines = [*_write_comment(_OPENING), "version: 1"]
    lines += _write_section((), RepoConfig, sure)
    if left:
        lines += ["", *_write_comment(_OPEN)]
        for one in left:
            *above, last = one.key.split(".")
            value = f"{last}: {flow(one.value)}"
            for step in reversed(above):
                value = f"{step}: {{{value}}}"
            lines += ["#", *_write_comment(one.why), f"# {value}"]
    return "\n".join(lines) + "\n"


def _write_section(path: tuple[str, ...], section: type, sure: dict[str, Fact]) -> Iterator[str]:
    indent = "  " * len(path)
    for name, field in section.model_fields.items():  # type: ignore[attr-defined] # a model
        here = (*path, name)
        if reference.is_section(field.annotation):
            inner = list(_write_section(here, field.annotation, sure))
            if inner:
                yield from ([""] if not path else [])
                yield f"{indent}{name}:"
                yield from inner
        elif (fact := sure.get(".".join(here))) is not None:
            yield from ([""] if not path else [])
            yield from _write_comment(fact.why, indent)
            yield from _write_value(f"{indent}{name}:", fact.value)


def _write_value(start: str, value: object) -> Iterator[str]:
    """Write a value behind its key; a list that does not fit into one line entry by entry."""
    line, indent = f"{start} {flow(value)}", start[: -len(start.lstrip())]
    if not isinstance(value, list | tuple) or len(line) <= _WIDTH:
        yield line
        return
    yield start
    for one in value:
        lines = one.split("\n") if isinstance(one, str) else []
        if len(lines) > 1 and all(map(str.isprintable, lines)) and lines[0] == lines[0].lstrip():
            yield from (f"{indent}  - |-", *(f"{indent}    {each}" for each in lines))
        else:
            yield f"{indent}  - {flow(one)}"


def _write_comment(text: str, indent: str = "") -> list[str]:
    width = _WIDTH - len(indent)
    wrapped = textwrap.wrap(
        escape_text(text), width, break_long_words=False, break_on_hyphens=False
    )
    return [f"{indent}# {line}" for line in wrapped]


def flow(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{_write_scalar(str(key))}: {flow(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(flow(one) for one in value)}]"
    return _write_scalar(value) if isinstance(value, str) else _write_plain(value)


def _write_plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _write_scalar(text: str) -> str:
    """Write a text so that YAML takes it for one."""
    taken = text.lower() in ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
    if re.fullmatch(r"[A-Za-z_][\w./-]*", text) and not taken:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escape_text(escaped)}"'
