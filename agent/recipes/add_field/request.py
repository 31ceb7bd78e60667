"""Read the facts about a new field from the form or the code of a ticket.

`resolving` checks whether they are complete and fit the repository.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.models.ticket import Ticket
from agent.recipes import tickets
from agent.recipes.add_field.definition import format_code, read_dotted_name
from agent.text import sanitise
from repo_config import foreign_python

EXISTING, TEST = "default for existing rows", "add a test"
_QUESTIONS = ("model", "field", EXISTING, TEST)
_TYPE = re.compile(r"(?:\w+\.)*(?:[A-Z]\w*Field|ForeignKey|ParentalKey)")
_NAME = re.compile(r"[a-z_]\w*")
#: Matches a model, a field or both: `shop.Customer`, `nickname`, `shop.Customer.nickname`.
_FACTS = re.compile(r"(?!\.)(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*)?(?:(?:^|\.)(?P<name>[a-z_]\w*))?")
#: Words, besides inline code, of a sentence that asks for a field and nothing else.
_ASKS = ("Add", "to")


@dataclass
class FieldRequest:
    """Facts that a ticket states; empty: not stated."""

    model: str = ""
    name: str = ""
    definition: ast.expr | None = None
    """A call, or only the name of a type."""
    existing: str = ""
    """Value for existing rows, as Python source."""
    wants_test: bool = False
    problems: list[str] = field(default_factory=list)
    """Descriptions of what is missing or unclear."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that say something besides these facts."""
    is_form: bool = False
    """Whether a form has answers for model and field, valid or not."""

    def fill_form(self) -> str:
        code = format_code(self.definition) if self.definition else "models.…"
        if not isinstance(self.definition, ast.Call):
            code = f"{code if '.' in code else f'models.{code}'}(…)"
        answers = {"model": self.model, "field": f"{self.name or '…'} = {code}"}
        test = {TEST: "yes"} if self.wants_test else {}
        return tickets.write_form({**answers, EXISTING: self.existing, **test})


class _Definition(NamedTuple):
    """A definition of a field; name and model are empty if the code has none."""

    code: ast.expr
    name: str
    model: str


def read_request(ticket: Ticket) -> FieldRequest:
    document, request = tickets.read_document(ticket, _QUESTIONS), FieldRequest()
    request.is_form = {"model", "field"} <= document.answers.keys()
    _read_answers(request, document.answers)
    request.not_done = document.list_rest(*_read_marks(request, document), asks=_ASKS)
    return request


def _read_answers(request: FieldRequest, answers: dict[str, str]) -> None:
    bare = {question: value.strip("` \n") for question, value in answers.items()}
    request.model, request.existing = bare.get("model", ""), bare.get(EXISTING, "")
    text, test = bare.get("field", ""), bare.get(TEST, "")
    match _read_definitions(text):
        case [definition]:
            request.definition, request.name = definition.code, definition.name
            request.model = request.model or definition.model
        case _ if _NAME.fullmatch(text):
            request.name = text
        case _ if text:
            words = f"`{sanitise.shorten(text, 80)}` is not a Django field in Python syntax"
            request.problems.append(words)
    request.wants_test = test.lower() in ("yes", "true")
    if test.lower() not in ("", "yes", "true", "no", "false"):
        request.problems.append(f"`{sanitise.shorten(test, 80)}` is neither yes nor no")


def _read_marks(request: FieldRequest, document: tickets.TicketDocument) -> Iterator[str]:
    """Add facts from the code of a ticket; yield the code that was used."""
    definitions: dict[str, list[_Definition]] = {}
    models: dict[str, str] = {}
    names: dict[str, str] = {}
    for code in (*document.marks, *document.blocks):
        if stated := _read_definitions(code):
            definitions[code] = stated
        elif facts := _FACTS.fullmatch(code):
            models |= {code: facts["model"]} if facts["model"] else {}
            names |= {code: facts["name"]} if facts["name"] else {}
    if not request.definition and definitions:
        every = [definition for stated in definitions.values() for definition in stated]
        # `CharField(max_length=50)` replaces a mere `CharField`, as in a title.
        whole = [definition for definition in every if isinstance(definition.code, ast.Call)]
        chosen = whole or every
        if len({(definition.name, ast.dump(definition.code)) for definition in chosen}) > 1:
            request.problems.append(
                "the ticket defines several fields, but one ticket can add only one"
            )
        request.definition = chosen[0].code
        request.name = request.name or chosen[0].name
        request.model = request.model or chosen[0].model
        yield from definitions
    if not request.name and names:
        request.name = next(iter(names.values()))
        if len(set(names.values())) > 1:
            request.problems.append("the inline code does not say which name is the field's")
        yield from names
    if not request.model and models:
        request.model = longest = max(models.values(), key=len)
        if not all(f".{longest}".endswith(f".{model}") for model in models.values()):
            request.problems.append("the inline code does not say which one is the model")
        yield from models


def _read_definitions(source: str) -> list[_Definition]:
    """Parse `name = models.CharField(…)` or `CharField(…)`, also in a class; other code: []."""
    definitions = []
    for statement in _parse_statements(source):
        owner, lines = "", [statement]
        if isinstance(statement, ast.ClassDef):
            owner, lines = statement.name, statement.body
        for line in lines:
            match line:
                case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(ast.Constant()):
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=code):
                    pass
                case ast.Expr(value=code):
                    name = ""
                case _:
                    return []
            dotted = read_dotted_name(code.func if isinstance(code, ast.Call) else code)
            if not (dotted and _TYPE.fullmatch(dotted)):
                return []
            definitions.append(_Definition(code, name, owner))
    return definitions


def _parse_statements(source: str) -> list[ast.stmt]:
    """Parse Python that may be indented; empty: it is invalid."""
    try:
        return foreign_python.parse_module(textwrap.dedent(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
