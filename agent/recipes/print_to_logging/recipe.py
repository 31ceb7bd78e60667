"""The recipe: prints of a library become log messages, with the logger that is there.

Ticket text -> `request` -> `scope` (against the tree) -> `survey` (with `deciding` for every print)
-> `edits`. What is printed on purpose stays, and is named with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.domain import Ticket
from agent.errors import EditFailed, RequestRefused, TicketUnclear
from agent.recipes import style
from agent.recipes.print_to_logging import (
    answering,
    deciding,
    edits,
    notes,
    request,
    scope,
    survey,
)
from agent.recipes.print_to_logging.parameters import LEVELS, Left, Parameters
from agent.recipes.print_to_logging.request import Request
from agent.recipes.print_to_logging.scope import Scope
from agent.recipes.recipe import Edits, Kind, ProducingCommand
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

_LONGEST_TITLE = 60


class PrintToLogging:
    """See `agent.recipes.recipe.Recipe`."""

    name = "print-to-logging"
    kind: Kind = "misc"
    example = "Replace print with logging in shop/views.py"

    def match(self, ticket: Ticket) -> bool:
        """Whether the ticket asks for prints to become log messages, from its text alone."""
        return request.looks_like_one(ticket)

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        """Decide for every print in scope, and try the edit, so that nothing fails half way."""
        asked = request.read(ticket)
        where = scope.settle(asked, tree, config)
        return _settled(asked, where, tree, config, project).model_dump_json()

    def steps(self, parameters: str) -> tuple[str, ...]:
        """Say in words what will be done."""
        settled = Parameters.model_validate_json(parameters)
        words = []
        for work in settled.files:
            counts = [f"{work.count(level)} {level}" for level in LEVELS if work.count(level)]
            words.append(f"Turn prints of {work.path} into log messages ({', '.join(counts)}).")
        if settled.left:
            count = len(settled.left)
            words.append(f"Leave {count} other print{'s' * (count != 1)} as before.")
        return tuple(words)

    def touches(self, parameters: str) -> tuple[str, ...]:
        """Existing paths that will be edited."""
        return tuple(work.path for work in Parameters.model_validate_json(parameters).files)

    def apply(self, tree: Tree, parameters: str) -> Edits:
        """Edit; pure."""
        return edits.make(tree, Parameters.model_validate_json(parameters))

    def produce(self, parameters: str, project: Project) -> ProducingCommand | None:
        """Nothing has to be produced."""
        return None

    def accept_produced(
        self, parameters: str, report: bytes, files: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        """Nothing was to be produced."""
        raise EditFailed("Files were produced that nobody asked for.")

    def title(self, parameters: str) -> str:
        """As in “Log instead of printing in shop/services.py”."""
        settled = Parameters.model_validate_json(parameters)
        title = f"Log instead of printing in {settled.scope}"
        if len(title) <= _LONGEST_TITLE:
            return title
        count = len(settled.files)
        return f"Log instead of printing in {count} file{'s' * (count != 1)}"


def _settled(
    asked: Request, where: Scope, tree: Tree, config: RepoConfig, project: Project
) -> Parameters:
    """Settle everything that a ticket asks for.

    Raises:
        TicketUnclear: With every question.
        RequestRefused: It asks for what cannot be done.
    """
    wish, questions = _wish(asked, config)
    questions = [*asked.questions, *where.questions, *questions]
    if asked.beyond:
        said = ", ".join(f"“{one}”" for one in dict.fromkeys(asked.beyond))
        questions.append(
            f"The ticket also says: {said}. Prints become log messages here, and nothing else is "
            "done; take the rest out, or open a ticket of its own for it."
        )
    if questions:
        raise TicketUnclear(tuple(dict.fromkeys(questions)), answering.fill_form(asked, where))
    python_path = project.django.python_path if project.django else ()
    found = survey.Survey(tree, python_path, wish, project.root).look(where.paths, where.named)
    _hold_readable(found, where)
    left = _left(found, where, tree)
    if not found.files:
        raise RequestRefused(_nothing(where, left))
    _hold_size(found, where, config)
    shape = style.of(tree, project)
    parameters = Parameters(
        scope=where.words,
        files=tuple(found.files),
        left=left,
        width=shape.width,
        one_per_line=shape.one_per_line,
    )
    edits.make(tree, parameters)
    return parameters


def _wish(asked: Request, config: RepoConfig) -> tuple[deciding.Wish, list[str]]:
    """How it is to be logged, and what is open about that."""
    questions: list[str] = []
    levels = list(dict.fromkeys(asked.levels))
    if len(levels) > 1:
        questions.append(
            f"The ticket names several levels: {', '.join(levels)}. Name one for all messages, or "
            "none: then each gets its level by what it says and where it stands."
        )
    libraries = list(dict.fromkeys(asked.libraries))
    library = config.logging
    if "loguru" in libraries:
        questions.append(
            "New loggers are made with logging or structlog; loguru is used only where a file has "
            "it already. Which of the two is it?"
        )
    elif len(libraries) > 1:
        questions.append(f"Which library is it: {' or '.join(libraries)}?")
    elif libraries and library not in ("any", libraries[0]):
        questions.append(
            f"The ticket asks for {libraries[0]}, and `logging: {library}` in the configuration "
            "says otherwise. Which one holds?"
        )
    elif libraries:
        library = "structlog" if libraries[0] == "structlog" else "logging"
    level = next((one for one in LEVELS if levels and one == levels[0]), None)
    return deciding.Wish(library, level), questions


def _hold_readable(found: survey.Result, where: Scope) -> None:
    """Refuse files that are named and cannot be edited; others are left."""
    old = [place for place in found.python2 if place.rpartition(":")[0] in where.named]
    if old:
        raise RequestRefused(
            f"{', '.join(old)}: this is Python 2 (print as a statement). Convert it to Python 3, "
            "then ask again."
        )
    for path, problem in found.unreadable:
        if path in where.named:
            raise RequestRefused(problem if problem.startswith(path) else f"{path}: {problem}")


def _left(found: survey.Result, where: Scope, tree: Tree) -> tuple[Left, ...]:
    """Everything that stays, in the order of files and lines."""
    stays = list(found.left)
    for place in found.python2:
        path, _, line = place.rpartition(":")
        stays.append(Left(path=path, line=int(line), reason="it is Python 2, which cannot be read"))
    for path, problem in found.unreadable:
        said = problem.removeprefix(f"{path} ").rstrip(".")
        stays.append(Left(path=path, line=0, reason=f"the file {said}"))
    for path, key in where.closed.items():
        if b"print(" in tree.read(path):
            stays.append(Left(path=path, line=0, reason=f"{key} of the configuration closes it"))
    return tuple(sorted(stays, key=lambda one: (one.path, one.line)))


def _nothing(where: Scope, left: tuple[Left, ...]) -> str:
    if not left:
        return f"There is no print in {where.words}, so there is nothing to turn into log messages."
    listed = "\n".join(f"- {one}" for one in notes.left(left))
    offer = (
        " A file that is left only for being an example, a script, a test or a part of a command "
        "is changed once the ticket names it; what is printed on purpose stays."
        if any(one.path not in where.named for one in left)
        else ""
    )
    return (
        f"Every print in {where.words} is left as it is, for the reason given below, so there is "
        f"nothing to change.{offer}\n{listed}"
    )


def _hold_size(found: survey.Result, where: Scope, config: RepoConfig) -> None:
    """Ask for a smaller scope before anything costly is started."""
    most = config.scope.max_files
    if len(found.files) > most:
        counted = ", ".join(work.path for work in found.files[:5])
        question = (
            f"In {where.words} {len(found.files)} files have prints to convert ({counted}, …), and "
            f"scope.max_files allows {most}. Which files or packages first?"
        )
        raise TicketUnclear((question,))
