"""Find and read a repository's configuration, and name everything that is wrong with it at once."""

import difflib
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from repo_config import documents, located, reference, values
from repo_config.located import (
    START,
    Document,
    Path,
    Place,
    Position,
    Problem,
    dotted,
    escape_text,
    format_excerpt,
    make_problem,
    read_document,
)
from repo_config.schema import RepoConfig
from repo_config.tree import FolderTree, Tree

SectionT = TypeVar("SectionT", bound=BaseModel)

#: Places of a file of its own, besides the table `[tool.mergewright]` of pyproject.toml.
OWN_FILES = (".github/mergewright.yml", ".github/mergewright.yaml")
PYPROJECT = "pyproject.toml"
_MOST_BYTES = 64 * 1024
_TABLE = "[tool.mergewright]"
#: End of pydantic's location of a wrong key of a mapping.
_KEY = "[key]"


class ConfigProblem(ValueError):
    """A configuration cannot be used; `problems` lists all that is wrong, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class ConfigSource(BaseModel):
    """A configuration file: its path in the repository, and the whole of it, decoded."""

    model_config = ConfigDict(frozen=True)

    name: str
    text: str


def find_config(tree: Tree) -> ConfigSource | None:
    """Locate the configuration of a repository.

    Raises:
        ConfigProblem: It is in more than one place, or its file is not UTF-8 or too large.
    """
    paths = set(tree.paths())
    found = [name for name in OWN_FILES if name in paths]
    sources = {name: _decode_config(tree.read(name), name) for name in found}
    if PYPROJECT in paths and (text := _read_with_table(tree.read(PYPROJECT))) is not None:
        sources[PYPROJECT] = text
    if len(sources) > 1:
        named = " and ".join(f"{name} {_TABLE}" if name == PYPROJECT else name for name in sources)
        message = f"found the configuration in {named}; only one place is allowed"
        raise _refuse(list(sources)[-1], message, "Keep one of them and remove the other")
    return next((ConfigSource(name=name, text=text) for name, text in sources.items()), None)


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
        name: Path shown in problems; ending in `.toml` the table `[tool.mergewright]` is read,
            else the text is YAML.
        tree: Where given, paths that the configuration names must be files of it.
    """
    document = _read_text(text, name)
    if document.value is None:
        if name.endswith(".toml"):
            raise _refuse(name, f"no table {_TABLE}", "Add it, or use another file")
        return RepoConfig()
    config, problems = _validate_document(document, RepoConfig)
    if config is not None and tree is not None:
        problems += _find_absent_paths(document, config, tree)
    return _require_sound(config, problems)


def read_file(text: str, name: str, model: type[SectionT]) -> SectionT:
    """Read another YAML file of ours; ConfigProblem as for a configuration."""
    document = _read_text(text, name)
    if document.value is None:
        return model()
    return _require_sound(*_validate_document(document, model))


def _read_text(text: str, name: str) -> Document:
    _require_size(len(text.encode("utf-8", "surrogatepass")), name)
    try:
        return read_document(text, name)
    except documents.DocumentError as error:
        at, message = Position(error.line, error.column), escape_text(error.message)[:200]
        raise _refuse(name, message, error.fix, at) from error


def _require_sound(found: SectionT | None, problems: list[Problem]) -> SectionT:
    if problems or found is None:
        raise ConfigProblem(
            tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        )
    return found


def _refuse(name: str, message: str, fix: str, at: Position = START) -> ConfigProblem:
    return ConfigProblem((make_problem(name, at, (), message, fix),))


def _require_size(size: int, name: str) -> None:
    # A pyproject.toml says much besides ours.
    most = documents.MOST_CHARACTERS if name.endswith(".toml") else _MOST_BYTES
    if size > most:
        message = f"the file is larger than {most // 1024} KiB"
        raise _refuse(name, message, "Shorten it")


def _decode_config(content: bytes, name: str) -> str:
    _require_size(len(content), name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        at = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = f"not UTF-8: byte 0x{content[error.start]:02x}"
        raise _refuse(name, message, "Save the file as UTF-8", at) from error


def _read_with_table(content: bytes) -> str | None:
    """Return the text of pyproject.toml if it has our table, also if it is too broken to know."""
    if len(content) > documents.MOST_CHARACTERS:
        return None
    text = content.decode("utf-8-sig", "replace")
    try:
        has_table = "mergewright" in documents.table(documents.parse_toml(text), "tool")
    except documents.DocumentError:
        has_table = located.TABLE.search(text) is not None
    return _decode_config(content, PYPROJECT) if has_table else None


def _find_absent_paths(document: Document, config: RepoConfig, tree: Tree) -> Iterator[Problem]:
    """Yield paths that the configuration names but the tree does not have."""
    inside = FolderTree(tree, config.folder).paths()
    for key, value, is_there in (
        (("root",), config.root, bool(inside) or not config.folder),
        (("django", "manage"), config.django.manage, config.django.manage in (None, *inside)),
    ):
        if not is_there:
            at = document.locate(key).at
            message = f"{dotted(key)}: not in the repository: {format_excerpt(str(value))}"
            yield make_problem(document.file, at, key, message, "Use a committed path")


# --- words for what the models refuse -----------------------------------------------------------


def _validate_document(
    document: Document, model: type[SectionT]
) -> tuple[SectionT | None, list[Problem]]:
    if not isinstance(document.value, dict):
        place = document.locate(())
        message = f"the configuration must be a mapping of keys; found {place.describe()}"
        first = f"Start with a key: {next(iter(model.model_fields))}:"
        return None, [make_problem(document.file, place.at, (), message, first)]
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, list(_explain_errors(error, document, model))


def _explain_errors(
    error: ValidationError, document: Document, model: type[BaseModel]
) -> Iterator[Problem]:
    """Yield one problem for each value that is wrong; alternatives of a union count as one."""
    by_path: dict[tuple[Path, bool], list[Any]] = {}
    found = [(document.locate(one["loc"]), one) for one in error.errors(include_url=False)]
    above = {place.path[:depth] for place, _ in found for depth in range(len(place.path))}
    for place, detail in found:
        # The alternative of a union that got further names the place.
        if place.path not in above:
            is_key = detail["loc"][-1:] == (_KEY,)
            by_path.setdefault((place.path, is_key), []).append(detail)
    for (path, is_key), details in by_path.items():
        found_at = document.locate(path)
        at, message, fix = _explain_value(found_at, details, model, is_key=is_key)
        yield make_problem(document.file, at, path, message, fix[:1].upper() + fix[1:])


def _explain_value(
    place: Place, details: list[Any], model: type[BaseModel], *, is_key: bool
) -> tuple[Position, str, str]:
    """Say where a value is wrong, why, and which way to write it would be right."""
    first, path = details[0], place.path
    if first["type"] == "extra_forbidden":
        return (place.key_at, *_explain_unknown_key(str(path[-1]), path[:-1], model))
    if first["type"] == "missing":
        key = first["loc"][-1]
        return place.shown_at, f"{dotted(path)}: the key {key} is missing", f"Add {key}"
    for detail in details:
        if detail["type"] == values.WRONG_FORM:
            at, given = place.at, place.describe()
            if is_key:
                at, given = place.key_at, format_excerpt(str(path[-1]))
            own = detail["ctx"]
            return at, f"{dotted(path)}: {own['message']}: {given}", own["fix"]
    expected = ", or ".join(dict.fromkeys(map(_name_expected, details)))
    message = f"{dotted(path)}: expected {expected}; found {place.describe()}"
    fix = f"Make it {expected}"
    if near := difflib.get_close_matches(place.written.lower(), _list_choices(details), 1):
        fix = f"Did you mean {near[0]}?"
    elif first["type"] == "string_type" and not isinstance(place.value, dict | tuple):
        fix = f"Write {format_excerpt(place.written)} in quotes"
    return place.shown_at, message, fix


def _list_choices(details: list[Any]) -> list[str]:
    expected = (detail.get("ctx", {}).get("expected", "") for detail in details)
    choices = ",".join(expected).replace(" or ", ",").split(",")
    return list(filter(None, (choice.strip(" '") for choice in choices)))


def _name_expected(detail: Any) -> str:
    words = str(detail["msg"]).removeprefix("Input should be ").replace("'", "")
    kinds = {"string_type": "text", "tuple_type": "a list", "int_type": "a whole number"}
    return kinds.get(detail["type"], "a mapping" if "dictionary" in words else words)


def _explain_unknown_key(key: str, parent: Path, model: type[BaseModel]) -> tuple[str, str]:
    known = reference.list_keys(parent, model)
    asked = key.lower().replace("-", "_")
    begun = [name for name in known if len(name) > 2 and asked.startswith(name)]
    near = difflib.get_close_matches(asked, known, 1) or begun
    where = f" in {dotted(parent)}" if parent else ""
    fix = f"Did you mean {near[0]}?" if near else f"Known keys here: {', '.join(known)}"
    return f"unknown key {format_excerpt(key)}{where}", fix
