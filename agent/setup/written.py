"""Write facts down as `.github/mergewright.yml`, each with its reason.

Owns the text of the file. It is read again before it is handed out: what `config check` would
refuse is never proposed.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator

from ruamel.yaml import YAML

from agent.models.record import Record
from agent.setup import facts
from agent.setup.facts import Fact
from repo_config import load, reference
from repo_config.located import escape_text
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

_WIDTH = 96
_ENDLESS = 2**30
_OPENING = (
    "Proposed by `mergewright config detect`. The comment above each value gives its source."
    " Missing keys are detected or have defaults. `mergewright config check` names mistakes;"
    " `config explain` shows the values in use."
)


class ProposedFile(Record):
    """A configuration for a repository, with the reason of every value."""

    text: str
    facts: tuple[Fact, ...]
    """What the text says."""


def propose(tree: Tree, kept: Iterable[Fact] = ()) -> ProposedFile:
    """Detect what a repository's configuration could say.

    Args:
        tree: The repository.
        kept: What a run has measured; it wins over what is detected.
    """
    kept = tuple(kept)
    roots = (str(one.value) for one in kept if one.key == "root")
    folder = next(roots, "") or facts.only_folder(tree) or ""
    found = [*facts.find_facts(tree, folder), *kept]
    known = {one.key: one for one in found if _is_taken(one, tree, folder)}
    return ProposedFile(text=write(known), facts=tuple(known.values()))


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


# --- YAML -------------------------------------------------------------------------------------


def write(known: dict[str, Fact]) -> str:
    """Write facts by key as a file."""
    lines = [*_write_comment(_OPENING), "version: 1", *_write_section((), RepoConfig, known)]
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
            yield from _write_value(name, fact.value, indent)


def _write_value(name: str, value: object, indent: str) -> Iterator[str]:
    """Write a key and its value; a list that does not fit into one line entry by entry."""
    line = f"{indent}{write_pair(name, value)}"
    if not isinstance(value, list | tuple) or len(line) <= _WIDTH:
        yield line
        return
    yield f"{indent}{name}:"
    yield from (f"{indent}  - {write_value(one)}" for one in value)


def _write_comment(text: str, indent: str = "") -> list[str]:
    width = _WIDTH - len(indent)
    wrapped = textwrap.wrap(
        escape_text(text), width, break_long_words=False, break_on_hyphens=False
    )
    return [f"{indent}# {line}" for line in wrapped]


def write_pair(key: str, value: object) -> str:
    """Write a key and its value in one line of YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, _ENDLESS, False
    text = io.StringIO()
    yaml.dump({key: value}, text)
    return text.getvalue().strip()[1:-1]


def write_value(value: object) -> str:
    return write_pair("_", value).removeprefix("_: ")
