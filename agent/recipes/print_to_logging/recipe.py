"""The recipe: prints of a library become log messages, with the logger that is there.

`converting` is done once to settle what becomes of each file, and once more to edit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from agent.errors import EditFailed, RequestRefused, TicketUnclear
from agent.models.ticket import Category, Ticket
from agent.recipes import style
from agent.recipes.print_to_logging import request
from agent.recipes.print_to_logging.converting import Converter
from agent.recipes.print_to_logging.parameters import (
    LEVELS,
    LIBRARIES,
    FileWork,
    Level,
    Parameters,
    RemainingPrint,
    StyleChoice,
)
from agent.recipes.print_to_logging.request import Request
from agent.recipes.recipe import Edits, ProducingCommand
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

_LONGEST_TITLE = 60
#: So many places are listed one by one; a reader of more would look at none.
_SHOWN = 60
_PLACES = 12


class PrintToLogging:
    name = "print-to-logging"
    category: Category = "refactor"
    example = "Replace `print` with `logging` in `shop/views.py`, at the level `info`."
    form = Request().fill_form()

    def match(self, ticket: Ticket) -> bool:
        return request.read_request(ticket).names_recipe

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        return _settle_parameters(
            request.read_request(ticket), tree, config, project
        ).model_dump_json()

    def steps(self, parameters: str) -> tuple[str, ...]:
        settled = Parameters.model_validate_json(parameters)
        words = []
        for work in settled.files:
            counts = _count_levels(Counter(work.logged))
            words.append(f"Turn prints of {work.path} into {counts}.")
        if settled.remaining:
            count = len(settled.remaining)
            words.append(f"Leave {count} other print{'s' * (count != 1)} as before.")
        return tuple(words)

    def list_touched(self, parameters: str) -> tuple[str, ...]:
        return tuple(work.path for work in Parameters.model_validate_json(parameters).files)

    def apply(self, tree: Tree, parameters: str) -> Edits:
        settled = Parameters.model_validate_json(parameters)
        converter = Converter(tree, settled.style)
        files = {
            one.path: converter.convert(one.path, is_named=one.is_named).content
            for one in settled.files
        }
        return Edits(files=files, notes=_write_notes(settled), not_done=settled.not_done)

    def produce(self, parameters: str, project: Project) -> ProducingCommand | None:
        return None

    def accept_produced(
        self, parameters: str, report: bytes, files: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        raise EditFailed("Files were produced that nobody asked for.")

    def title(self, parameters: str) -> str:
        settled = Parameters.model_validate_json(parameters)
        title = f"Log instead of printing in {settled.scope}"
        if len(title) <= _LONGEST_TITLE:
            return title
        count = len(settled.files)
        return f"Log instead of printing in {count} file{'s' * (count != 1)}"


def _settle_parameters(
    asked: Request, tree: Tree, config: RepoConfig, project: Project
) -> Parameters:
    """Settle everything that a ticket asks for.

    Raises:
        TicketUnclear: A fact is missing, or does not fit; with the form, filled in so far.
        RequestRefused: It asks for what cannot be done.
    """
    where = request.settle_scope(asked, tree, config)
    problems = [*asked.problems, *where.problems]
    library = asked.library or config.logging
    if config.logging not in ("any", library):
        problems.append(f"`logging: {config.logging}` of the configuration rules {library} out")
    if problems:
        raise _make_unclear("; ".join(problems), asked)
    shape = style.read_style(tree, project)
    wish = StyleChoice(
        level=next((one for one in LEVELS if one == asked.level), None),
        library=next((one for one in LIBRARIES if one == library), None),
        width=shape.width,
        python_path=project.django.python_path if project.django else (),
        root=project.root,
    )
    converter = Converter(tree, wish)
    found = [converter.convert(path, is_named=path in where.named) for path in where.paths]
    files = tuple(one.work for one in found if one.work)
    left = [one for each in found for one in each.left]
    for path, key in where.closed.items():
        if b"print(" in tree.read(path):
            left.append(
                RemainingPrint(path=path, line=0, reason=f"{key} of the configuration closes it")
            )
    left.sort(key=lambda one: (one.path, one.line))
    if not files:
        raise RequestRefused(_explain_nothing(where.words, tuple(left)))
    if len(files) > (most := config.scope.max_files):
        count = len(files)
        raise _make_unclear(
            f"{count} files have prints to convert, and scope.max_files allows {most}", asked
        )
    return Parameters(
        scope=where.words, style=wish, files=files, remaining=tuple(left), not_done=asked.not_done
    )


def _make_unclear(problem: str, asked: Request) -> TicketUnclear:
    return TicketUnclear((f"{problem[:1].upper()}{problem[1:]}.",), asked.fill_form())


def _explain_nothing(words: str, left: tuple[RemainingPrint, ...]) -> str:
    if not left:
        return f"There is no print in {words}, so there is nothing to turn into log messages."
    listed = "\n".join(f"- {one}" for one in _list_left(left))
    return (
        f"Every print in {words} is left as it is, for the reason given below. Name a file to have "
        f"it changed in spite of its place; what is printed on purpose stays.\n{listed}"
    )


# --- words for the pull request ---------------------------------------------------------------


def _write_notes(parameters: Parameters) -> tuple[str, ...]:
    """Write the notes: counts by file and level, the loggers, what stays and why."""
    found = [_describe_file(work) for work in parameters.files]
    levels = Counter(level for work in parameters.files for level in work.logged)
    if len(parameters.files) > 1:
        found.append(f"In all: {_count_levels(levels)}.")
    if levels["info"] or levels["debug"]:
        found.append(
            "Messages of level info and debug show only where the program that uses this code "
            "configures logging; prints showed always."
        )
    return (*found, *_list_left(parameters.remaining))


def _describe_file(work: FileWork) -> str:
    said = [f"`{work.path}`: {_count_levels(Counter(work.logged))}"]
    if lines := work.removed:
        said.append(f"{lines} print{'s' * (lines != 1)} of a blank or separating line removed")
    said.append(f"`{work.logger}` is {'new' if work.is_new else 'the logger that was there'}")
    return "; ".join(said) + "."


def _count_levels(levels: Counter[Level]) -> str:
    counted = [f"{levels[level]} {level}" for level in LEVELS if levels[level]]
    total = levels.total()
    return f"{total} message{'s' * (total != 1)} ({', '.join(counted)})"


def _list_left(stays: tuple[RemainingPrint, ...]) -> tuple[str, ...]:
    """List what stays, by reason and file, up to a number that can be read."""
    groups: dict[tuple[str, str], list[int]] = {}
    for one in stays:
        groups.setdefault((one.path, one.reason), []).append(one.line)
    found: list[str] = []
    for (path, reason), every in groups.items():
        lines = list(dict.fromkeys(every))
        places = f"{path}:{lines[0]}" if lines[0] else path
        more = [str(line) for line in lines[1:]]
        if more:
            shown = ", ".join(more[:_PLACES])
            rest = len(more) - _PLACES
            places += f", {shown}" + (f" and {rest} more" if rest > 0 else "")
        found.append(f"Left alone, {places}: {reason}.")
    if len(found) > _SHOWN:
        rest = sum(len(lines) for lines in list(groups.values())[_SHOWN:])
        found = [*found[:_SHOWN], f"Left alone as well: {rest} more prints of the same kinds."]
    return tuple(found)
