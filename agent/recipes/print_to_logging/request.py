"""What a ticket's structure asks for: where prints become log messages, and at which level.

A form says it, or code marks: `print`, `logging`, the places and a level. Whether the places exist
is left to `scope`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.models.ticket import Ticket
from agent.recipes import tickets

WHERE, LEAVE, LEVEL = "where prints become log messages", "leave alone", "level"
BY_CONTEXT = "by context"
_LEVELS = frozenset({"debug", "info", "warning", "error", "critical", BY_CONTEXT})
_PRINT = re.compile(r"print(?:\(.*\))?")
_LOGGING = re.compile(r"(?:logging|logger|structlog)\b.*")
_PLACE = re.compile(r"\.|[\w./-]*\w/?")


@dataclass
class Request:
    """What a ticket asks for."""

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
        """Write the form as far as it is understood."""
        spared = {LEAVE: ", ".join(self.excepted)} if self.excepted else {}
        return tickets.write_form({WHERE: ", ".join(self.places), **spared, LEVEL: self.level})


def read_request(ticket: Ticket) -> Request:
    """Read what a ticket's structure asks for."""
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


def from_parameters(given: Mapping[str, object]) -> Request:
    """Make a request of `paths` and `leave_alone`, both lists or a text, and `level`.

    Raises:
        ValueError: A key is unknown or missing, or its value is not what it asks for.
    """
    if unknown := given.keys() - {"paths", "leave_alone", "level"}:
        raise ValueError(f"`{min(unknown)}` is no parameter; there are paths, leave_alone, level")
    texts: dict[str, str] = {}
    for key, value in given.items():
        parts = value if isinstance(value, list) and key != "level" else [value]
        texts[key] = "\n".join(one for one in parts if isinstance(one, str))
        if not all(isinstance(one, str) for one in parts):
            raise ValueError(f"`{key}` has to be a text{' or a list' * (key != 'level')}")
    places, excepted = (_list_places(texts.get(key, "")) for key in ("paths", "leave_alone"))
    request = Request(places, excepted, texts.get("level", "").lower(), names_recipe=True)
    if not places:
        raise ValueError("`paths` is missing: files, folders or packages, or `.` for all")
    if request.level not in _LEVELS:
        raise ValueError(f"`level` has to be one of {', '.join(sorted(_LEVELS))}")
    return request


def _list_places(answer: str) -> list[str]:
    return [one for part in re.split(r"[\n,]", answer) if (one := part.strip(" `-*"))]


def _take_marks(request: Request, document: tickets.Document) -> tuple[str, ...]:
    """Take what a ticket states by code alone; return the marks that were used."""
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
