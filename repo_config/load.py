"""Find and read a repository's configuration, and report all its problems at once."""

import difflib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from repo_config import documents, located, reference, values
from repo_config.located import Document, Path, Problem, escape_text, format_excerpt, format_path
from repo_config.schema import RepoConfig
from repo_config.tree import FolderTree, Tree

SectionT = TypeVar("SectionT", bound=BaseModel)

#: Places of a configuration file; another place is `[tool.mergewright]` in pyproject.toml.
OWN_FILES = (".github/mergewright.yml", ".github/mergewright.yaml")
PYPROJECT = "pyproject.toml"
#: End of pydantic's location of a wrong key of a mapping.
_KEY = "[key]"
#: Words for pydantic's types of errors.
_WORDS = {
    **dict.fromkeys(("dict_type", "model_type"), "a mapping"),
    "string_type": "text", "tuple_type": "a list", "too_short": "at least one entry",
    "int_type": "a whole number",
}  # fmt: skip


class ConfigProblem(ValueError):
    """A configuration is invalid; `problems` are sorted by line."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class ConfigSource(NamedTuple):
    """A configuration file: its path in the repository, and its decoded text."""

    name: str
    text: str


def find_config(tree: Tree) -> ConfigSource | None:
    """Find the configuration of a repository; None: it has none.

    Raises:
        ConfigProblem: It is in more than one place, or its file is not UTF-8.
    """
    names = [name for name in tree.paths() if name in OWN_FILES]
    if PYPROJECT in tree.paths() and _has_table(tree.read(PYPROJECT).decode("utf-8", "replace")):
        names.append(PYPROJECT)
    if len(names) > 1:
        message = f"found the configuration in {' and '.join(names)}; only one place is allowed"
        fix = "Keep one of them and remove the other"
        raise ConfigProblem(Problem(file=names[-1], message=message, fix=fix))
    return next((_decode_config(tree.read(name), name) for name in names), None)


def _has_table(text: str) -> bool:
    """Whether pyproject.toml has our table; of an invalid file, by the heading of the table."""
    try:
        return "mergewright" in documents.table(documents.parse_toml(text), "tool")
    except documents.DocumentError:
        return located.TABLE.search(text) is not None


def _decode_config(content: bytes, name: str) -> ConfigSource:
    try:
        return ConfigSource(name=name, text=content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message, fix = f"not UTF-8: byte 0x{content[error.start]:02x}", "Save the file as UTF-8"
        raise ConfigProblem(Problem(file=name, line=line, message=message, fix=fix)) from error


def from_tree(tree: Tree) -> RepoConfig:
    """Read the configuration of a repository; without one, all keys have their defaults.

    Raises:
        ConfigProblem: It has all problems; a path that is not in the tree is one.
    """
    source = find_config(tree)
    return from_text(source.text, source.name, tree) if source else RepoConfig()


def from_text(text: str, name: str, tree: Tree | None = None) -> RepoConfig:
    """Read a configuration.

    Args:
        name: Path for messages. Of a `.toml` file the table `[tool.mergewright]` is read; other
            files are YAML.
        tree: Files that configured paths must be among; None: paths are not checked.
    """
    config = read_file(text, name, RepoConfig)
    if tree is not None and (absent := _find_absent_path(config, tree)):
        message = f"{format_path(absent)}: not in the repository"
        document = located.read_document(text, name)
        raise ConfigProblem(document.make_problem(absent, message, "Use a committed path"))
    return config


def _find_absent_path(config: RepoConfig, tree: Tree) -> Path:
    """Return the key with a path that is not in the repository; empty: there is none."""
    inside, manage = FolderTree(tree, config.folder).paths(), config.django.manage
    if config.folder and not inside:
        return ("root",)
    return () if manage is None or manage in inside else ("django", "manage")


def read_file(text: str, name: str, model: type[SectionT]) -> SectionT:
    """Read a file by its model. Raises ConfigProblem."""
    try:
        document = located.read_document(text, name)
        return model.model_validate({} if document.value is None else document.value)
    except documents.DocumentError as error:
        message = escape_text(error.message)[:200]
        problem = Problem(file=name, line=error.line, message=message, fix=error.fix)
        raise ConfigProblem(problem) from error
    except ValidationError as error:
        raise ConfigProblem(*_explain_errors(error, document, model)) from error


# --- messages for validation errors -------------------------------------------------------------


def _explain_errors(
    error: ValidationError, document: Document, model: type[BaseModel]
) -> Iterator[Problem]:
    """Yield one problem for each invalid value; alternatives of a union are one problem."""
    by_path: dict[Path, list[Any]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(document.trace(detail["loc"]), []).append(detail)
    above = {path[:depth] for path in by_path for depth in range(len(path))}
    # Of a union, the error with the longest path is reported.
    for path in (path for path in by_path if path not in above):
        message, fix = _explain_value(path, by_path[path], model)
        yield document.make_problem(path, message, fix[:1].upper() + fix[1:])


def _explain_value(path: Path, details: list[Any], model: type[BaseModel]) -> tuple[str, str]:
    """Explain why a value is invalid, and how to correct it."""
    first = min(details, key=lambda detail: detail["type"] != "missing")
    name = format_path(path) or "the file"
    kind, value = first["type"], first["input"]
    shown = format_excerpt(path[-1] if first["loc"][-1:] == (_KEY,) else value)
    if kind == "extra_forbidden":
        return _explain_unknown_key(str(path[-1]), path[:-1], model)
    if kind == "missing":
        key = first["loc"][-1]
        return f"{name}: the key {key} is missing", f"Add {key}"
    for detail in details:
        if detail["type"] == values.WRONG_FORM:
            return f"{name}: {detail['ctx']['message']}: {shown}", detail["ctx"]["fix"]
    expected = ", or ".join(dict.fromkeys(map(_name_expected, details)))
    choices = re.findall("'(.+?)'", str([detail.get("ctx") for detail in details]))
    fix = f"Make it {expected}"
    if near := difflib.get_close_matches(str(value).lower(), choices, 1):
        fix = f"Did you mean {near[0]}?"
    elif kind == "string_type" and isinstance(value, int | float):
        fix = f'Write "{shown}" in quotes'
    return f"{name}: expected {expected}; found {shown}", fix


def _name_expected(detail: Any) -> str:
    words = str(detail["msg"]).removeprefix("Input should be ").replace("'", "")
    return _WORDS.get(detail["type"], words)


def _explain_unknown_key(key: str, parent: Path, model: type[BaseModel]) -> tuple[str, str]:
    keys = reference.list_keys(parent, model)
    near = difflib.get_close_matches(key.lower().replace("-", "_"), keys, 1)
    where = f" in {format_path(parent)}" if parent else ""
    fix = f"Did you mean {near[0]}?" if near else f"Known keys here: {', '.join(keys)}"
    return f"unknown key {format_excerpt(key)}{where}", fix
