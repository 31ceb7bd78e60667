"""Which files a build may add to the repository's tree, and where they are kept.

A build runs code of the repository, so only a short list of files is accepted:

- inside a package of the tree: extension modules, and modules or stubs whose name is private
  (`_build.py`), names a version, or is protobuf's (`x_pb2.py`);
- messages compiled from a file of the tree.

Files that could decide what a check sees, or replace code of the tree, are refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.git import names

FOLDER = "generated"
MOST_BYTES = 16 * 1024**2
"""All files of one environment together: every sandbox gets a copy of them."""
_NAME = re.compile(r"(?P<module>[A-Za-z_]\w*)(?P<ending>\.pyi?|(?:\.[\w-]+)?\.so)", re.ASCII)
#: Names of written modules: private ones, versions and what protobuf's compiler makes.
_WRITTEN = re.compile(r"_\w+|\w*version\w*|\w+_pb2(?:_grpc)?", re.IGNORECASE)
#: They are found by name: by test runners, by the interpreter's start, by Django.
_STEERING = re.compile(
    r"conftest|sitecustomize|usercustomize|tests?|test_\w*|\w*_tests?|testing|__(?:init|main)__"
    r"|\w*settings\w*|manage|management|migrations|templatetags|apps|admin|models|urls|setup"
)


def choose_generated_files(
    found: Mapping[str, bytes], files: WorkTreeFiles
) -> tuple[dict[str, bytes], list[str]]:
    """Take what a build may add to the tree; name the rest, each with the reason.

    Args:
        found: By path in the tree.
        files: The tree.

    Raises:
        EnvironmentFailed: A name leads elsewhere, or all together are too large.
    """
    taken: dict[str, bytes] = {}
    left: list[str] = []
    for path, content in found.items():
        if wrong := names.name_problem(path):
            shown = ascii(path)[1:-1]
            raise EnvironmentFailed(f"The build of the repository generates `{shown}`: {wrong}.")
        reason = find_problem(path, files)
        if reason is None:
            taken[path] = content
        else:
            left.append(f"{path} ({reason})")
    if (total := sum(map(len, taken.values()))) > MOST_BYTES:
        raise EnvironmentFailed(
            f"The build of the repository generates {total} bytes of files in its tree; "
            f"{MOST_BYTES} are allowed."
        )
    return taken, left


def write_generated_files(found: Mapping[str, bytes], part: Path) -> None:
    """Write the files that a build made beside its environment."""
    for path, content in found.items():
        place = part / FOLDER / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def find_problem(path: str, files: WorkTreeFiles) -> str | None:
    """Say why a generated file is not laid into that tree, or None when it is."""
    folder, _, name = path.rpartition("/")
    if name.endswith(".mo") and _is_file(files, f"{path[:-3]}.po"):
        return "the tree has it" if _is_file(files, path) else None
    match = _NAME.fullmatch(name)
    if match is None:
        return "only Python modules, stubs, extension modules and compiled messages are taken"
    if any(_STEERING.fullmatch(part.lower()) for part in (*folder.split("/"), match["module"])):
        return "it could steer the checks"
    if not match["ending"].endswith(".so") and not _WRITTEN.fullmatch(match["module"]):
        return "its name is none that builds give to a module they write"
    if not folder or not _is_file(files, f"{folder}/__init__.py"):
        return "it is not inside a package that the tree has"
    if any(_is_shadowing(match, entry) for entry in files.names(folder)):
        return "the tree has a module of that name"
    return None


def _is_shadowing(match: re.Match[str], entry: str) -> bool:
    """Whether the file would be imported, or read by type checkers, instead of the tree's own."""
    module, _, ending = entry.partition(".")
    # Sources and stubs of an extension module bear its name too; they are no clash.
    return entry == match[0] or (
        module == match["module"] and (ending in ("", "py") or ending.endswith("so"))
    )


def _is_file(files: WorkTreeFiles, path: str) -> bool:
    place = files.root / path
    return os.path.realpath(place) == str(place) and place.is_file()
