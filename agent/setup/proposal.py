"""Propose `.github/mergewright.yml` from detected values and from results of runs.

Unknown values are left out. The file is read again before it is shown, so that a proposal never
fails `config check`.
"""

import hashlib
import io
import json
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from agent.models.record import Record
from agent.setup import effective
from agent.telemetry.private_files import write_private_file
from repo_config import detect, load, reference, suites, test_files
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

TITLE = "Configure Mergewright"
_NAME = "proposed.yml"
_ENDLESS = 2**30
_OPENING = """\
# Proposed by `mergewright check`. Missing keys are detected or have defaults.
# `mergewright config check` lists errors; `config explain` shows the values in use.
"""
#: Files at the top of a project's folder.
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py", "requirements.txt")
#: A folder with this share of all test files is the project, although others have some.
_MOST_TESTS = 0.75
#: Share of the tests that may stop passing before a model searches again.
_LESS = 0.1
#: Keys that decide about a set-up.
_DECIDING = {"root", "python", "system_packages", "env", "services", "setup", "checks"}


def propose(tree: Tree, measured: Mapping[str, Any]) -> str:
    """Write a configuration of detected values; those that a run has measured replace them."""
    values: dict[str, Any] = {}
    if folder := measured.get("root") or find_only_folder(tree):
        values["root"] = folder
    config = RepoConfig(root=folder or ".")
    with suppress(load.ConfigProblem):  # a measured path may have been deleted
        config = load.from_text(json.dumps({**values, **measured}), _NAME, tree)
    project = detect.detect_project(tree, config)
    for key in effective.DETECTED:
        value = effective.read_detected(key, project)
        if value and value != "none" and key != "python.version":
            # The configuration may not accept a detected value.
            with suppress(load.ConfigProblem):
                wider = override(values, nest_values({key: value}))
                load.from_text(json.dumps(wider), _NAME, tree)
                values = wider
    return write(override(values, measured))


def complete(tree: Tree, config: RepoConfig, measured: Mapping[str, Any], *, is_new: bool) -> str:
    """Add the values of a measured set-up to a configuration, or propose a new one with them.

    Returns:
        The whole file; empty: nothing is missing.
    """
    if is_new:
        return propose(tree, measured)
    return write(override(find_difference(RepoConfig(), config), measured)) if measured else ""


def find_only_folder(tree: Tree) -> str | None:
    """Return the only folder with a project and most tests; None: the root is the project.

    Folders of documents or examples do not count.
    """
    paths = tree.paths()
    at_root = [name for name in _PROJECT_FILES if name in paths]
    pyproject = ProjectFiles(tree).pyproject
    # The root's pyproject.toml may contain only settings of tools and of a workspace.
    declares = {"project", "build-system"} & pyproject.keys() or table(pyproject, "tool", "poetry")
    if at_root and (at_root != ["pyproject.toml"] or declares):
        return None
    folders = {
        folder
        for folder, name in map(posixpath.split, paths)
        if name in _PROJECT_FILES and folder and folder.count("/") < 2
    }
    tests = [path for path in paths if path.endswith(".py") and test_files.is_test(path)]
    fitting = [
        folder
        for folder in folders
        if not any(folder.startswith(f"{above}/") for above in folders)
        and not suites.ASIDE & {*folder.split("/")}
        and sum(path.startswith(f"{folder}/") for path in tests) >= len(tests) * _MOST_TESTS
    ]
    return fitting[0] if len(fitting) == 1 else None


# --- values of a configuration --------------------------------------------------------------------


def flatten_values(values: Mapping[str, object], *above: str) -> Iterator[tuple[str, object]]:
    """Yield each value of a configuration by its dotted key."""
    for key, value in values.items():
        path = (*above, key)
        if isinstance(value, dict) and reference.list_keys(path):
            yield from flatten_values(value, *path)
        else:
            yield ".".join(path), value


def nest_values(values: Mapping[str, object]) -> dict[str, Any]:
    """Return values with dotted keys as nested sections."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *above, last = key.split(".")
        reduce(lambda section, name: section.setdefault(name, {}), above, nested)[last] = value
    return nested


def find_difference(old: RepoConfig, new: RepoConfig) -> dict[str, Any]:
    """Return the changed values of a new configuration, nested; of a section, its changed keys."""
    before = dict(flatten_values(old.model_dump(mode="json")))
    after = flatten_values(new.model_dump(mode="json"))
    return nest_values({key: value for key, value in after if value != before[key]})


def override(lower: Any, upper: Any) -> Any:
    """Return `lower` with the values of `upper` instead of its own, key by key."""
    if not (isinstance(lower, Mapping) and isinstance(upper, Mapping)):
        return upper
    return {**lower, **{key: override(lower.get(key), value) for key, value in upper.items()}}


# --- text ---------------------------------------------------------------------------------------


def write(values: Mapping[str, Any]) -> str:
    """Write values as a configuration file, in the order of the reference."""
    config = load.from_text(json.dumps({"version": 1, **values}), _NAME)
    text, yaml = io.StringIO(), YAML()
    yaml.width, yaml.allow_unicode = _ENDLESS, False
    yaml.indent(mapping=2, sequence=4, offset=2)
    shown = config.model_dump(mode="json", exclude_unset=True)
    if "env" in shown:
        # In quotes, a redacted secret is still text.
        shown["env"] = {name: SingleQuotedScalarString(value) for name, value in config.env.items()}
    yaml.dump(shown, text)
    return f"{_OPENING}{text.getvalue()}"


def write_pair(key: str, value: object) -> str:
    """Write a key and its value as one line of YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, _ENDLESS, False
    text = io.StringIO()
    yaml.dump({key: value}, text)
    return text.getvalue().strip()[1:-1]


def write_value(value: object) -> str:
    return write_pair("_", value).removeprefix("_: ")


# --- the best set-up that runs have found for a repository --------------------------------------


class KnownSetup(Record):
    values: dict[str, Any] = {}
    """They override the configuration; empty: nothing is better than the configured set-up."""
    is_searched: bool = False
    """Whether a model has searched until it had nothing more to try."""
    share: float | None = None
    """Share of the tests that passed when it was stored; None: none ran."""
    why: str = ""
    """Why the search found no set-up with which a test runs, in a model's words."""

    def is_as_good(self, share: float | None) -> bool:
        """Check whether base's tests pass about as well as when the set-up was stored.

        Args:
            share: Share of the tests that pass now; None: none runs.
        """
        if self.share is None or share is None:
            return self.share is share
        return share >= self.share - _LESS


def store_known(home: Path, repository: str, config: RepoConfig, setup: KnownSetup) -> None:
    """Store a set-up, and replace that of an earlier run."""
    write_private_file(_locate_known(home, repository, config), setup.model_dump_json())


def load_known(home: Path, repository: str, config: RepoConfig) -> KnownSetup:
    """Return the stored set-up of a repository, by its path or address; empty: none.

    If the repository's configuration of set-up or checks has changed, there is none.
    """
    try:
        return KnownSetup.model_validate_json(_locate_known(home, repository, config).read_bytes())
    except (OSError, ValidationError):
        return KnownSetup()


def _locate_known(home: Path, repository: str, config: RepoConfig) -> Path:
    deciding = config.model_dump_json(include=_DECIDING, exclude_defaults=True)
    text = f"{repository}\n{deciding}"
    return home / "set-up" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
