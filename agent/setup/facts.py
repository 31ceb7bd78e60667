"""What a repository shows that its configuration could say, each value with the reason.

Owns the record of a fact; found is what detection goes by. How a fact is written down is left to
`written`. What is not known is no fact.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.models.record import Record
from agent.setup import effective, storage
from repo_config import (
    detect,
    reference,
    suites,
    test_files,
)
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

#: What a folder of a project has at its top.
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py", "requirements.txt")
#: So large a part of the tests.
_NEARLY_ALL = 0.9
#: Where people tell contributors how code is written, and who may contribute.
_NOTES = re.compile(
    r"(?:\.github/|docs/)?(?:agents|contributing|(?:ai|llms?)[_-]?policy)\.(?:md|rst|txt)",
    re.IGNORECASE,
)


class Fact(Record):
    key: str
    """As in the configuration, with dots."""
    value: object
    why: str
    """Where it stands, or what was counted."""


_FACTS = TypeAdapter(tuple[Fact, ...])


def find_facts(tree: Tree, folder: str) -> Iterator[Fact]:
    """Yield what detection goes by, in a repository or a folder of it."""
    if folder:
        files = ProjectFiles(tree, folder)
        names = ", ".join(filter(files.has_file, _PROJECT_FILES))
        yield Fact(key="root", value=folder, why=f"{names} in {folder}, and none at the root")
    project = detect.detect_project(tree, RepoConfig(root=folder or "."))
    for key, name in effective.DETECTED.items():
        value, why = effective.read_detected(key, project), project.origins.get(name, "")
        if key == "django.manage":
            why = "the script that starts Django"
        if value and value != "none" and key != "python.version":
            yield Fact(key=key, value=value, why=why)


def find_notes(paths: Iterable[str]) -> list[str]:
    """List the notes for contributors: what they say of machines first, then those at the root."""
    found = filter(_NOTES.fullmatch, paths)
    return sorted(found, key=lambda path: ("policy" not in path.lower(), path.count("/"), path))


def only_folder(tree: Tree) -> str | None:
    """The one folder that holds the project, where the root itself does not.

    A folder of documents or examples holds none, nor one that all tests lie outside of; of several
    it is the one with nearly all tests.
    """
    paths = tree.paths()
    at_root = [name for name in _PROJECT_FILES if name in paths]
    if at_root and (at_root != ["pyproject.toml"] or _describes_project(tree)):
        return None
    folders = {
        folder
        for folder, name in map(posixpath.split, paths)
        if name in _PROJECT_FILES and folder and folder.count("/") < 2
    }
    top = {one for one in folders if not any(one.startswith(f"{other}/") for other in folders)}
    top = {one for one in top if not suites.ASIDE & {*one.split("/")}}
    tests = [path for path in paths if path.endswith(".py") and test_files.is_test(path)]
    counts = {folder: sum(one.startswith(f"{folder}/") for one in tests) for folder in top}
    folder = max(top, key=counts.__getitem__, default="")
    # Beside a pyproject.toml for tools or a workspace, tests at the root may be of the root.
    least = len(tests) if at_root else len(tests) * _NEARLY_ALL if len(top) > 1 else bool(tests)
    return folder if folder and counts[folder] >= least and (tests or len(top) == 1) else None


def _describes_project(tree: Tree) -> bool:
    """Whether pyproject.toml at the root is more than settings of tools and of a workspace."""
    pyproject = ProjectFiles(tree).pyproject
    return bool({"project", "build-system"} & pyproject.keys()) or bool(
        table(pyproject, "tool", "poetry")
    )


# --- what a run found to set base's tests up best, kept for who proposes it --------------------


def store_facts(home: Path, repository: str, values: Mapping[str, object], why: str) -> None:
    """Keep values of a configuration, by key, in place of those of an earlier run."""
    found = tuple(Fact(key=key, value=one, why=why) for key, one in flatten_values(values))
    place = _locate_facts(home, repository)
    place.parent.mkdir(parents=True, exist_ok=True)
    storage.write_whole(place, json.dumps(_FACTS.dump_python(found, mode="json")).encode())


def flatten_values(values: Mapping[str, object], *above: str) -> Iterator[tuple[str, object]]:
    """Yield each value of a configuration by its dotted key."""
    for key, one in values.items():
        path = (*above, key)
        if isinstance(one, dict) and reference.is_section(reference.find_annotation(path)):
            yield from flatten_values(one, *path)
        else:
            yield ".".join(path), one


def load_facts(home: Path, repository: str) -> tuple[Fact, ...]:
    """Return what was kept of a repository, by its path or address."""
    try:
        return _FACTS.validate_json(_locate_facts(home, repository).read_bytes())
    except (OSError, ValidationError):
        return ()


def _locate_facts(home: Path, repository: str) -> Path:
    return home / "set-up" / f"{hashlib.sha256(repository.encode()).hexdigest()[:32]}.json"
