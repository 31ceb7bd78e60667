"""Settled parameters with other levels, or with prints left as they were; nothing else moves."""

from __future__ import annotations

from collections.abc import Sequence

from agent.errors import EditFailed, TicketUnclear
from agent.recipes.print_to_logging import calls, edits
from agent.recipes.print_to_logging.calls import Call
from agent.recipes.print_to_logging.parameters import LEVELS, Conversion, FileWork, Left, Parameters
from agent.recipes.recipe import Asked, Ground
from agent.recipes.source import SourceFile

STAYS = "stays"
_WHY = "a review wants it to stay"
_BETWEEN = "it sets output apart that stays"


def key(path: str, conversion: Conversion) -> str:
    """The name of one call among all, by its place before the edit."""
    return f"{path}:{conversion.line}:{conversion.column}"


def of(parameters: Parameters, asked: Sequence[Asked], ground: Ground) -> Parameters:
    """Make each call what is asked: a level, or `stays`.

    Raises:
        TicketUnclear: A level does not go with what is logged, or nothing would be left to do.
        EditFailed: The calls are no longer where they were when the ticket was settled.
    """
    wanted = {one.about: one.value for one in asked}
    files: list[FileWork] = []
    left = list(parameters.left)
    for work in parameters.files:
        found = calls_of(work, ground)
        kept, stays = _File(work, found, wanted).revised()
        left += stays
        if kept is not None:
            files.append(kept)
    if not any(one.action == "log" for work in files for one in work.conversions):
        raise TicketUnclear(
            ("With that no print would become a log message, and nothing would be left to change.",)
        )
    left.sort(key=lambda one: (one.path, one.line))
    after = parameters.model_copy(update={"files": tuple(files), "left": tuple(left)})
    edits.make(ground.tree, after)
    return after


def calls_of(work: FileWork, ground: Ground) -> dict[tuple[int, int], Call]:
    """The calls of a file by line and column.

    Raises:
        EditFailed: One that is to be edited is not there.
    """
    there = work.path in ground.tree.paths()
    source = SourceFile(work.path, ground.tree.read(work.path) if there else b"")
    found: dict[tuple[int, int], Call] = {}
    for call in calls.find(source).calls:
        start = source.start(call.node)
        found[source.line(call.node), start - source.line_start(start)] = call
    for one in work.conversions:
        if (one.line, one.column) not in found:
            raise EditFailed(
                f"{work.path} has changed on the base branch since the change was made: there is "
                f"no print in line {one.line} any more."
            )
    return found


class _File:
    """One file, with what is wanted of its calls."""

    def __init__(
        self, work: FileWork, found: dict[tuple[int, int], Call], wanted: dict[str, str]
    ) -> None:
        self._work = work
        self._calls = found
        self._wanted = wanted

    def _call(self, conversion: Conversion) -> Call:
        return self._calls[conversion.line, conversion.column]

    def revised(self) -> tuple[FileWork | None, list[Left]]:
        """The work that is left, and the calls that stay."""
        kept: list[Conversion] = []
        stays: list[Left] = []
        for one in self._work.conversions:
            level = self._wanted.get(key(self._work.path, one), "")
            # A traceback that goes with the message before stays with it.
            with_it = one.action == "remove" and one.traceback and stays and self._follows(one)
            if level == STAYS or with_it:
                stays.append(Left(path=self._work.path, line=one.line, reason=_WHY))
            else:
                kept.append(self._at_level(one, level))
        logged = {self._call(one).context.function for one in kept if one.action == "log"}
        for one in [one for one in kept if stays and one.action == "remove" and not one.traceback]:
            if self._call(one).context.function not in logged:
                kept.remove(one)
                stays.append(Left(path=self._work.path, line=one.line, reason=_BETWEEN))
        if not any(one.action == "log" for one in kept):
            return None, stays
        new = self._work.new_logger
        if new and not any(one.logger == new.name for one in kept if one.action == "log"):
            new = None
        update = {"conversions": tuple(kept), "new_logger": new}
        return self._work.model_copy(update=update), stays

    def _follows(self, traceback: Conversion) -> bool:
        """Whether the message that a traceback goes with is one that stays."""
        before = [one for one in self._work.conversions if one.line < traceback.line]
        logged = [one for one in before if one.action == "log"]
        return bool(logged) and self._wanted.get(key(self._work.path, logged[-1])) == STAYS

    def _at_level(self, one: Conversion, wanted: str) -> Conversion:
        level = next((level for level in LEVELS if level == wanted), None)
        if level is None or one.action != "log" or level == one.level:
            return one
        if level == "exception":
            if self._call(one).context.handler is None:
                problem = (
                    f"Line {one.line} of {self._work.path} is in no `except`, so `exception` would "
                    "find no traceback to log."
                )
                raise TicketUnclear((problem,))
            return one.model_copy(update={"level": level, "traceback": False})
        traced = one.traceback or (one.level == "exception" and self._has_traceback(one))
        return one.model_copy(update={"level": level, "traceback": traced})

    def _has_traceback(self, one: Conversion) -> bool:
        """Whether a traceback was printed, as against an exception in the text of a message."""
        if one.message:
            return True
        place = self._work.conversions.index(one)
        after = self._work.conversions[place + 1 : place + 2]
        return any(other.action == "remove" and other.traceback for other in after)


def told(before: Parameters, after: Parameters) -> tuple[str, ...]:
    """What differs, each in a clause for an answer."""
    now = {key(work.path, one): one for work in after.files for one in work.conversions}
    levels: dict[tuple[str, str], list[int]] = {}
    stays: dict[str, list[int]] = {}
    for work in before.files:
        for one in work.conversions:
            other = now.get(key(work.path, one))
            if other is None:
                stays.setdefault(work.path, []).append(one.line)
            elif other.level != one.level:
                levels.setdefault((work.path, other.level), []).append(one.line)
    found = [
        f"Logged as {level} now: {_prints(lines)} of {path}"
        for (path, level), lines in levels.items()
    ]
    found += [f"Left as before: {_prints(lines)} of {path}" for path, lines in stays.items()]
    return tuple(found)


def _prints(lines: list[int]) -> str:
    listed = ", ".join(str(line) for line in lines)
    return f"the print in line {listed}" if len(lines) == 1 else f"the prints in lines {listed}"
