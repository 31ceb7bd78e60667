"""Find and read a repository's configuration, and name everything that is wrong with it at once.

Owns the places a configuration may stand in. Reading the formats is left to `yaml_text` and
`toml_text`, the keys to `schema`, the words for each mistake to `explain`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from repo_config import explain, toml_text, values, yaml_text
from repo_config.located import (
    START,
    Located,
    Path,
    Position,
    Problem,
    dotted,
    format_excerpt,
    problem_at,
)
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

#: Places of a file of its own, besides the table `[tool.mergewright]` of pyproject.toml.
OWN_FILES = (".github/mergewright.yml", ".github/mergewright.yaml")
PYPROJECT = "pyproject.toml"
_MOST_BYTES = 64 * 1024

_TABLE = "[tool.mergewright]"


class ConfigProblem(ValueError):
    """A configuration cannot be used; `problems` holds all that is wrong, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Source(BaseModel):
    """Where a configuration stands, and the text of that file."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Path in the repository."""
    text: str
    """The whole file, decoded."""


def find_config(tree: Tree) -> Source | None:
    """Locate the configuration of a repository.

    Raises:
        ConfigProblem: It stands in more than one place, or its file is not UTF-8 or too large.
    """
    paths = set(tree.paths())
    found = [name for name in OWN_FILES if name in paths]
    sources = {name: decode_config(tree.read(name), name) for name in found}
    if PYPROJECT in paths and (text := _with_table(tree.read(PYPROJECT))) is not None:
        sources[PYPROJECT] = text
    if len(sources) > 1:
        named = " and ".join(f"{name} {_TABLE}" if name == PYPROJECT else name for name in sources)
        *_, last = sources
        fix = f"Keep one of them and remove the other{'s' if len(sources) > 2 else ''}"
        raise ConfigProblem(
            (_at_start(last, f"the configuration stands in {named}; one place is allowed", fix),)
        )
    return next((Source(name=name, text=text) for name, text in sources.items()), None)


def from_tree(tree: Tree) -> RepoConfig:
    """Read the configuration of a repository; without one, everything has its default.

    Raises:
        ConfigProblem: With every problem, also paths that are named but are not in the tree.
    """
    source = find_config(tree)
    return RepoConfig() if source is None else from_text(source.text, source.name, tree)


def from_text(text: str, name: str, tree: Tree | None = None) -> RepoConfig:
    """Read a configuration.

    Args:
        text: What the file says.
        name: Path shown in problems; ending in `.toml` the table `[tool.mergewright]` is read,
            else the text is YAML.
        tree: Where given, paths that the configuration names must be files of it.

    Raises:
        ConfigProblem: With every problem.
    """
    toml = name.endswith(".toml")
    if len(text.encode("utf-8", "surrogatepass")) > most_bytes(name):
        raise ConfigProblem((_too_large(name),))
    reading = toml_text.read_table(text, name) if toml else yaml_text.read_yaml(text, name)
    root, problems = reading.root, list(reading.problems)
    if root is None:
        if toml and not problems:
            problems.append(_at_start(name, f"no table {_TABLE}", "Add it, or name another file"))
        if problems:
            raise ConfigProblem(tuple(problems))
        return RepoConfig()
    config = _validate_config(root, name, problems)
    if tree is not None:
        problems += _absent_paths(root, name, tree, {problem.key for problem in problems})
    if problems or config is None:
        raise ConfigProblem(tuple(sorted(problems, key=lambda one: (one.line, one.column))))
    return config


def find_command(read: Callable[[str], str | None], command: str) -> str:
    """Say as `file:line` where a set-up command stands; empty where it is not found.

    Args:
        read: Returns the text of a file of the repository.
    """
    for name in (*OWN_FILES, PYPROJECT):
        reader = toml_text.read_table if name == PYPROJECT else yaml_text.read_yaml
        root = reader(read(name) or "", name).root
        entries = root.child("setup") if root is not None else None
        for entry in (
            entries.value if entries is not None and isinstance(entries.value, list) else ()
        ):
            located = entry.child("run") or entry
            if located.value == command:
                return f"{name}:{located.at.line}"
    return ""


def most_bytes(name: str) -> int:
    """How large a configuration file may be; a pyproject.toml says much besides ours."""
    return toml_text.MOST_CHARACTERS if name.endswith(".toml") else _MOST_BYTES


def decode_config(content: bytes, name: str) -> str:
    """Take the bytes of a configuration file as text.

    Raises:
        ConfigProblem: It is not UTF-8, or too large to be one.
    """
    if len(content) > most_bytes(name):
        raise ConfigProblem((_too_large(name),))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        at = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = f"not UTF-8: byte 0x{content[error.start]:02x}"
        problem = problem_at(name, at, (), message, "Save the file as UTF-8")
        raise ConfigProblem((problem,)) from error


def _with_table(content: bytes) -> str | None:
    """The text of pyproject.toml if it has our table, also if it is too broken to be sure."""
    if len(content) > toml_text.MOST_CHARACTERS:
        return None
    text = content.decode("utf-8-sig", "replace")
    try:
        tool = toml_text.parse_toml(text).get("tool")
    except toml_text.TomlError:
        if not toml_text.TABLE.search(text):
            return None
    else:
        if not isinstance(tool, dict) or "mergewright" not in tool:
            return None
    return decode_config(content, PYPROJECT)


def _validate_config(root: Located, name: str, problems: list[Problem]) -> RepoConfig | None:
    if not isinstance(root.value, dict):
        message = f"the configuration must be a mapping of keys; found {root.words()}"
        fix = "Begin with a key such as version: 1"
        problems.append(problem_at(name, root.at, (), message, fix))
        return None
    try:
        return RepoConfig.model_validate(root.to_plain())
    except ValidationError as error:
        # What could not be read fits nothing either, and is told already.
        told = {(one.line, one.column) for one in problems}
        found = explain.problems(error, root, name)
        problems += [one for one in found if (one.line, one.column) not in told]
        return None


def _absent_paths(root: Located, name: str, tree: Tree, wrong: set[str]) -> list[Problem]:
    """Paths that the configuration names but the tree does not have."""
    paths = tree.paths()
    below = root.child("root")
    folder = ""
    if below and "root" not in wrong and isinstance(below.value, str):
        folder = str(PurePosixPath(below.value)).removeprefix(".")
        folder = f"{folder}/" if folder else ""
        if not any(path.startswith(folder) for path in paths):
            message = f"root: no such folder in the repository: {format_excerpt(below.value)}"
            fix = "Name a folder with committed files, such as services/api"
            return [problem_at(name, below.at, ("root",), message, fix)]
    problems = []
    for path, located in root.walk():
        if dotted(path) in wrong or not isinstance(located.value, str):
            continue
        if not (named := _named_file(path, located.value)):
            continue
        if (wanted := folder + str(PurePosixPath(named))) in paths:
            continue
        last = PurePosixPath(wanted).name
        near = [one for one in paths if PurePosixPath(one).name == last][:3]
        near = near or difflib.get_close_matches(wanted, paths, 3)
        message = f"{dotted(path)}: no such file in the repository: {format_excerpt(wanted)}"
        fix = f"Did you mean {' or '.join(near)}?" if near else "Name a file that is committed"
        problems.append(problem_at(name, located.at, path, message, fix))
    return problems


def _named_file(path: Path, text: str) -> str:
    """Return the file that the text at a path names; "" where it names none."""
    match path:
        case (
            ("django", "manage") | ("checks", "tests", "script") | ("setup", int(), "files", int())
        ):
            return text
        case ("python", "install", int()):
            return (values.named_file(text) or ("", ""))[1]
    return ""


def _too_large(name: str) -> Problem:
    message = f"the file is larger than {most_bytes(name) // 1024} KiB"
    return _at_start(name, message, "Shorten it; no configuration needs as much")


def _at_start(name: str, message: str, fix: str) -> Problem:
    return problem_at(name, START, (), message, fix)
