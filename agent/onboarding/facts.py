"""What a repository shows that its configuration could say, each value with the reason.

Owns the record of a fact and what the files of a project declare: Python, framework, checks,
libraries. Code is not read for its style. How a fact is written down is left to
`written`. What is not known is no fact, and what only a person can decide is a proposal.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from packaging.version import Version
from pydantic import TypeAdapter, ValidationError

from agent.environments import storage
from agent.models.record import Record
from agent.onboarding import effective
from repo_config import (
    dependencies,
    detect,
    frameworks,
    reference,
    suites,
    test_files,
    versions,
)
from repo_config.dependencies import Dependency
from repo_config.detect import Project
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

_SHOWN = 3
#: What a folder of a project has at its top.
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py", "requirements.txt")
#: So large a part of the tests.
_NEARLY_ALL = 0.9
#: Sandboxes have nothing older.
_OLDEST = Version("3.9")
#: Keys that a declared package answers, where it is the only one of its kind: key, value, package.
_LIBRARIES = (
    ("http_client", "httpx", "httpx"),
    ("http_client", "requests", "requests"),
    ("http_client", "aiohttp", "aiohttp"),
    ("background_tasks", "celery", "celery"),
    ("background_tasks", "dramatiq", "dramatiq"),
    ("background_tasks", "rq", "rq"),
    ("background_tasks", "rq", "django-rq"),
)
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
    sure: bool = True
    """Otherwise it is a proposal, for a person to take up or leave."""


_FACTS = TypeAdapter(tuple[Fact, ...])


@dataclass
class Evidence:
    tree: Tree
    folder: str = ""
    """Of the project, in a repository that holds several."""

    @cached_property
    def config(self) -> RepoConfig:
        """What detection goes by: nothing but the folder."""
        return RepoConfig(root=self.folder or ".")

    @cached_property
    def project(self) -> Project:
        return detect.detect_project(self.tree, self.config)

    @cached_property
    def files(self) -> ProjectFiles:
        return ProjectFiles(self.tree, self.folder)

    @cached_property
    def declared(self) -> tuple[Dependency, ...]:
        return dependencies.list_declared(self.files)


def list_places(found: Sequence[str]) -> str:
    shown = ", ".join(found[:_SHOWN])
    return f"{shown} and {len(found) - _SHOWN} more" if len(found) > _SHOWN else shown


def find_facts(evidence: Evidence) -> Iterator[Fact]:
    yield from _find_root(evidence)
    yield from _find_python(evidence)
    yield from _find_detected(evidence)
    yield from _find_libraries(evidence)
    if notes := next(iter(find_notes(evidence.files.whole.paths)), ""):
        why = f"{notes}: where it refuses changes that machines make, nothing is done without this"
        yield Fact(key="contributions", value="allow", why=why, sure=False)


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


def _find_root(evidence: Evidence) -> Iterator[Fact]:
    if evidence.folder:
        names = [name for name in _PROJECT_FILES if evidence.files.has_file(name)]
        why = f"{', '.join(names)} in {evidence.folder}, and none at the root"
        yield Fact(key="root", value=evidence.folder, why=why)


def _find_python(evidence: Evidence) -> Iterator[Fact]:
    """The version: where all that names one agrees, since it decides what checks run on."""
    files, lowest = evidence.files, versions.find_lowest_python(evidence.files)
    if lowest is None:
        return
    pinned = files.has_file(".python-version") or files.has_file("runtime.txt")
    named = versions.read_version_file(files) if pinned else None
    value, why = lowest.value, lowest.origin
    if named and Version(named.value) > Version(lowest.value):
        value, why = named.value, f"{why}, and {named.origin} names {named.value}"
    is_exact = named is not None or versions.has_one_python(files)
    sure = is_exact and value == lowest.value and Version(value) >= _OLDEST
    yield Fact(key="python.version", value=value, why=why, sure=sure)


def _find_detected(evidence: Evidence) -> Iterator[Fact]:
    """What detection goes by; of several applications a person has to name one."""
    project = evidence.project
    started_by = project.django.manage if project.django else None
    for key, name in effective.DETECTED.items():
        value, why = effective.read_detected(key, project), project.origins.get(name, "")
        if key == "django.manage":
            why = "the script that starts Django"
        elif key == "fastapi.app":
            why += ", the only application"
        is_known = key == "python.version" or value == "none"
        if (
            value
            and not is_known
            and not (name == "test_script" and project.test_script == started_by)
        ):
            yield Fact(key=key, value=value, why=why, sure=not why.startswith("pytest also runs"))
    if (
        project.framework == "fastapi"
        and not project.fastapi_app
        and (found := frameworks.find_fastapi_apps(evidence.files))
    ):
        # The one nearest to the root is the one that is served, as a rule.
        nearest = min(found, key=lambda one: (one.origin.count("/"), one.value))
        why = f"one of {len(found)} applications: {list_places([one.origin for one in found])}"
        yield Fact(key="fastapi.app", value=nearest.value, why=why, sure=False)


def _find_libraries(evidence: Evidence) -> Iterator[Fact]:
    declared = {one.name: one for one in reversed(evidence.declared)}
    found: dict[str, dict[str, Dependency]] = {}
    for key, value, package in _LIBRARIES:
        if package in declared:
            found.setdefault(key, {})[value] = declared[package]
    for key, answers in found.items():
        if len(answers) == 1:
            ((value, one),) = answers.items()
            yield Fact(key=key, value=value, why=f"{one.origin}: {one.name}", sure=one.runtime)


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
