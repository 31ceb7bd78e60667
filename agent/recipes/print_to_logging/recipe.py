"""The recipe: prints of a library become log messages, with the logger that is there.

Ticket -> `request` -> `scope` (against the tree) -> `survey` (with `deciding` for every print)
-> `edits`. What is printed on purpose stays, and is named with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.domain import Ticket
from agent.errors import EditFailed, RequestRefused, TicketUnclear
from agent.recipes import style
from agent.recipes.print_to_logging import deciding, edits, notes, request, scope, survey
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
    example = "Replace `print` with `logging` in `shop/views.py`, at the level `info`."
    form = Request().fill_form()

    def match(self, ticket: Ticket) -> bool:
        """Whether the structure of the ticket's text names prints that become log messages."""
        return request.read(ticket).names_recipe

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        """Decide for every print in scope, and try the edit, so that nothing fails half way."""
        return _settled(request.read(ticket), tree, config, project).model_dump_json()

    def settle_parameters(
        self, given: Mapping[str, object], tree: Tree, config: RepoConfig, project: Project
    ) -> str:
        """Decide by named values, as `settle` does by a ticket."""
        asked = request.from_parameters(given)
        return _settled(asked, tree, config, project).model_dump_json()

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


def _settled(asked: Request, tree: Tree, config: RepoConfig, project: Project) -> Parameters:
    """Settle everything that a ticket asks for.

    Raises:
        TicketUnclear: A fact is missing, or does not fit; with the form, filled in so far.
        RequestRefused: It asks for what cannot be done.
    """
    where = scope.settle(asked, tree, config)
    problems = [*asked.problems, *where.problems]
    library = asked.library or config.logging
    if config.logging not in ("any", library):
        problems.append(f"`logging: {config.logging}` of the configuration rules {library} out")
    if problems:
        raise _unclear("; ".join(problems), asked)
    level = next((one for one in LEVELS if one == asked.level), None)
    wish = deciding.Wish(library, level)
    python_path = project.django.python_path if project.django else ()
    found = survey.Survey(tree, python_path, wish, project.root).look(where.paths, where.named)
    _hold_readable(found, where)
    left = _left(found, where, tree)
    if not found.files:
        raise RequestRefused(_nothing(where, left))
    if len(found.files) > (most := config.scope.max_files):
        count = len(found.files)
        raise _unclear(
            f"{count} files have prints to convert, and scope.max_files allows {most}", asked
        )
    shape = style.of(tree, project)
    parameters = Parameters(
        scope=where.words,
        files=tuple(found.files),
        left=left,
        width=shape.width,
        one_per_line=shape.one_per_line,
        not_done=asked.not_done,
    )
    edits.make(tree, parameters)
    return parameters


def _unclear(problem: str, asked: Request) -> TicketUnclear:
    return TicketUnclear((f"{problem[:1].upper()}{problem[1:]}.",), asked.fill_form())


def _hold_readable(found: survey.Result, where: Scope) -> None:
    """Refuse files that are named and cannot be edited; others are left."""
    for path, problem in found.unreadable:
        if path in where.named:
            raise RequestRefused(problem if problem.startswith(path) else f"{path}: {problem}")


def _left(found: survey.Result, where: Scope, tree: Tree) -> tuple[Left, ...]:
    """Everything that stays, in the order of files and lines."""
    stays = list(found.left)
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
