"""Read the facts about a new field from the form or the code of a ticket.

`resolving` checks whether they are complete and fit the repository.
"""

import ast
import re
import textwrap
from dataclasses import dataclass, field

from agent.models.ticket import Ticket
from agent.recipes import tickets
from agent.recipes.add_field.definition import format_code, read_dotted_name
from agent.text import sanitise
from repo_config import foreign_python

TEST = "add a test"
_QUESTIONS = ("model", "field", TEST)
_TYPE = re.compile(r"(?:\w+\.)*(?:[A-Z]\w*Field|ForeignKey|ParentalKey)")
_MODEL = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*")
#: Words, besides inline code, of a sentence that asks for a field and nothing else.
_ASKS = ("Add", "to")


@dataclass
class FieldRequest:
    """Facts that a ticket states; empty: not stated."""

    model: str = ""
    name: str = ""
    definition: ast.Call | None = None
    wants_test: bool = False
    problems: list[str] = field(default_factory=list)
    """Descriptions of what is missing or unclear."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that say something besides these facts."""
    is_form: bool = False
    """Whether a form has answers for model and field, valid or not."""

    def fill_form(self) -> str:
        code = f"{self.name} = {format_code(self.definition)}" if self.definition else ""
        test = {TEST: "yes"} if self.wants_test else {}
        return tickets.write_form({"model": self.model, "field": code, **test})


def read_request(ticket: Ticket) -> FieldRequest:
    document = tickets.read_document(ticket, _QUESTIONS)
    request = FieldRequest(is_form={"model", "field"} <= document.answers.keys())
    _read_answers(request, document.answers)
    request.not_done = document.list_rest(*_read_code(request, document), asks=_ASKS)
    return request


def _read_answers(request: FieldRequest, answers: dict[str, str]) -> None:
    bare = {question: value.strip("` \n") for question, value in answers.items()}
    request.model, text, test = (bare.get(key, "") for key in _QUESTIONS)
    if assignment := _read_assignment(text):
        request.name, request.definition = assignment
    elif text:
        words = f"`{sanitise.shorten(text, 80)}` is not a Django field, as in `name = models.…(…)`"
        request.problems.append(words)
    request.wants_test = test.lower() in ("yes", "true")
    if test.lower() not in ("", "yes", "true", "no", "false"):
        request.problems.append(f"`{sanitise.shorten(test, 80)}` is neither yes nor no")


def _read_code(request: FieldRequest, document: tickets.TicketDocument) -> list[str]:
    """Add facts from the code of a ticket; return the code that was used."""
    codes = (*document.marks, *document.blocks)
    assignments = {code: made for code in codes if (made := _read_assignment(code))}
    models = [code for code in document.marks if _MODEL.fullmatch(code)]
    models = [code for code in models if not _TYPE.fullmatch(code)]
    used: list[str] = []
    if not request.definition and assignments:
        request.name, request.definition = next(iter(assignments.values()))
        if len({(name, ast.dump(call)) for name, call in assignments.values()}) > 1:
            request.problems.append(
                "the ticket defines several fields, but one ticket can add only one"
            )
        used += assignments
    if not request.model and models:
        request.model = longest = max(models, key=len)
        if not all(f".{longest}".endswith(f".{model}") for model in models):
            request.problems.append("the inline code does not say which one is the model")
        used += models
    return used


def _read_assignment(source: str) -> tuple[str, ast.Call] | None:
    """Parse `name = models.CharField(…)`, which may be indented; None: it is other code."""
    try:
        body = foreign_python.parse_module(textwrap.dedent(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    match body:
        case [ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call)]:
            dotted = read_dotted_name(call.func)
            return (name, call) if dotted and _TYPE.fullmatch(dotted) else None
    return None
