"""What a ticket's structure asks for: where prints become log messages, and at which level.

A form says it, or code marks: `print`, `logging`, the places and a level. The places are looked for
among the paths of the tree.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

import pathspec

from agent.models.ticket import Ticket
from agent.recipes import tickets
from agent.recipes.print_to_logging import programs
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

WHERE, LEAVE, LEVEL = "where prints become log messages", "leave alone", "level"
BY_CONTEXT = "by context"
_LEVELS = frozenset({"debug", "info", "warning", "error", "critical", BY_CONTEXT})
_PRINT = re.compile(r"print(?:\(.*\))?")
_LOGGING = re.compile(r"(?:logging|logger|structlog)\b.*")
_PLACE = re.compile(r"\.|[\w./-]*\w/?")
_SHOWN = 4


@dataclass
class Request:
    places: list[str] = field(default_factory=list)
    """Files, folders, packages and modules, as written; `.` is the whole repository."""
    excepted: list[str] = field(default_factory=list)
    level: str = ""
    """Of all messages, or `by context`."""
    library: str = ""
    problems: list[str] = field(default_factory=list)
    """What is missing or unclear, in words."""
    names_recipe: bool = False
    """Whether it is about prints and logging at all."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that state none of these facts."""

    def fill_form(self) -> str:
        spared = {LEAVE: ", ".join(self.excepted)} if self.excepted else {}
        return tickets.write_form({WHERE: ", ".join(self.places), **spared, LEVEL: self.level})


def read_request(ticket: Ticket) -> Request:
    document = tickets.read_document(ticket, (WHERE, LEAVE, LEVEL))
    answers = document.answers
    request = Request(names_recipe=WHERE in answers)
    request.places = _list_places(answers.get(WHERE, ""))
    request.excepted = _list_places(answers.get(LEAVE, ""))
    request.level = answers.get(LEVEL, "").strip("`").lower()
    used = () if request.names_recipe else _take_marks(request, document)
    if not request.places:
        request.problems.append("the files, folders or packages are missing")
    if request.level not in _LEVELS:
        said = f"`{tickets.shorten_line(request.level, 40)}` is no level" if request.level else ""
        request.problems.append(said or "the level is missing: info, or “by context”")
        request.level = ""
    request.not_done = document.list_rest(*used)
    return request


def _list_places(answer: str) -> list[str]:
    return [one for part in re.split(r"[\n,]", answer) if (one := part.strip(" `-*"))]


def _take_marks(request: Request, document: tickets.Document) -> tuple[str, ...]:
    marks = document.marks
    logging = [mark for mark in marks if _LOGGING.fullmatch(mark)]
    request.names_recipe = bool(logging) and any(_PRINT.fullmatch(mark) for mark in marks)
    if not request.names_recipe:
        return ()
    request.library = "structlog" if "structlog" in logging else ""
    levels: dict[str, None] = {}
    for mark in marks:
        bare = mark.rpartition(".")[2].lower()
        if bare in _LEVELS:
            levels[bare] = None
        elif _PRINT.fullmatch(mark) or mark in logging:
            continue
        elif _PLACE.fullmatch(mark) and mark not in request.places:
            request.places.append(mark)
    request.level = " or ".join(levels)
    if document.blocks:
        request.problems.append("a block of code says what no form can")
    return marks


# --- which files are meant --------------------------------------------------------------------


@dataclass
class Scope:
    paths: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    """Those that are named themselves, or lie in a named folder that would be left alone."""
    words: str = ""
    problems: list[str] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)
    """Files that the configuration keeps shut, with the key; not those that are named."""


def settle_scope(request: Request, tree: Tree, config: RepoConfig) -> Scope:
    python = [path for path in tree.paths() if path.endswith(".py")]
    scope = Scope()
    found = {place: _find_files(place, python, scope) for place in request.places}
    spared = {path for place in request.excepted for path in _find_files(place, python, scope)}
    scope.named = frozenset(
        path for place, paths in found.items() for path in paths if _is_named_by(place, path)
    )
    wanted = sorted({path for paths in found.values() for path in paths} - spared)
    for path in wanted:
        if path not in scope.named and (key := _find_closing_key(path, config)):
            scope.closed[path] = key
    scope.paths = tuple(path for path in wanted if path not in scope.closed)
    whole = any(place == "." for place in found)
    scope.words = "the whole repository" if whole else ", ".join(found)
    return scope


def _find_files(place: str, python: list[str], scope: Scope) -> list[str]:
    bare = place.removeprefix("./").rstrip("/")
    if bare in ("", "."):
        return python
    for ways in (
        [bare] if bare in python else [],
        [bare] if any(path.startswith(f"{bare}/") for path in python) else [],
        sorted({way for path in python if (way := _find_way(bare.replace(".", "/"), path))}),
        sorted({way for path in python if (way := _find_way(bare, path))}),
    ):
        if len(ways) == 1:
            return [path for path in python if f"{path}/".startswith(f"{ways[0]}/")]
        if ways:
            scope.problems.append(f"`{place}` may be {', '.join(ways[:_SHOWN])}")
            return []
    near = difflib.get_close_matches(bare, python, n=1)
    hint = f"; is it `{near[0]}`?" if near else ""
    scope.problems.append(f"there is no file, folder, package or module `{place}`{hint}")
    return []


def _find_way(bare: str, path: str) -> str:
    """The file or folder of a path that a name means without the folders before it; else empty."""
    for one in (f"{bare}.py", bare):
        before, found, after = f"/{path}/".partition(f"/{one}/")
        if found and (one.endswith(".py") is (not after.strip("/"))):
            return f"{before}/{one}".lstrip("/")
    return ""


def _is_named_by(place: str, path: str) -> bool:
    """Whether a place names this file, or the folder that speaks against it.

    `tests/` names the tests in it; `shop` does not name those in `shop/tests/`.
    """
    dotted = path.removesuffix(".py").replace("/", ".")
    bare = place.strip("/").removeprefix("./")
    if bare in (path, dotted) or path.endswith(f"/{bare}") or dotted.endswith(f".{bare}"):
        return True
    folder = bare.replace(".", "/") if "/" not in bare else bare
    return f"{folder}/" in f"/{path}" and bool(programs.explain_path(f"{folder}/x.py"))


def _find_closing_key(path: str, config: RepoConfig) -> str | None:
    """The key of the configuration that keeps a file shut."""
    scope = config.scope
    for key, patterns in (("human_only", scope.human_only), ("protect", scope.protect)):
        if pathspec.GitIgnoreSpec.from_lines(patterns).match_file(path):
            return f"scope.{key}"
    if not pathspec.GitIgnoreSpec.from_lines(scope.allow).match_file(path):
        return "scope.allow"
    return None
