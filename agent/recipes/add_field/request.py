"""The facts that a ticket's structure states about a new field.

A definition in Python is the best structure there is: it is parsed and kept. Whether the facts
suffice and fit the code is left to `resolving`.
"""

import ast
import re
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
_MODEL = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*")
_MODEL_AND_NAME = re.compile(r"(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*)\.(?P<name>[a-z_]\w*)")
_NAME = re.compile(r"[a-z_]\w*")
#: Meant as a definition, whether it can be read or not.
_MEANT = re.compile(rf"\s*(\w+)\s*=\s*{_TYPE.pattern}\b")
#: Words around the code of a sentence that asks for a field and for nothing else.
_ASKS = ("Add", "to")
_YES, _NO = frozenset({"yes", "true"}), frozenset({"no", "false"})


@dataclass
class FieldRequest:
    """What a ticket states; empty where it does not."""

    model: str = ""
    name: str = ""
    definition: ast.expr | None = None
    """A call, or the bare name of a type."""
    existing: str = ""
    """Python source."""
    wants_test: bool = False
    problems: list[str] = field(default_factory=list)
    """What is missing or unclear, in words."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that state none of these facts."""
    unread: str = ""
    """What is wrong with code that is meant as a definition, in words."""
    is_form: bool = False
    """Whether model and field are answers of a form, readable or not."""

    def fill_form(self) -> str:
        code = format_code(self.definition) if self.definition else "models.…"
        if not isinstance(self.definition, ast.Call):
            code = f"{code if '.' in code else f'models.{code}'}(…)"
        answers = {"model": self.model, "field": f"{self.name or '…'} = {code}"}
        test = {TEST: "yes"} if self.wants_test else {}
        return tickets.write_form({**answers, EXISTING: self.existing, **test})


def read_request(ticket: Ticket) -> FieldRequest:
    document, request = tickets.read_document(ticket, _QUESTIONS), FieldRequest()
    request.is_form = {"model", "field"} <= document.answers.keys()
    _read_answers(request, document.answers)
    request.not_done = document.list_rest(*_read_marks(request, document), asks=_ASKS)
    codes = () if request.definition else (*document.marks, *document.blocks)
    for code in codes:
        if (meant := _MEANT.match(code)) and (why := _explain_unread(code)):
            request.unread = f"`{sanitise.shorten(code, 80)}` is not Python: {why}"
            request.name = request.name or meant[1]
    return request


def _read_answers(request: FieldRequest, answers: dict[str, str]) -> None:
    bare = {question: value.strip("` \n") for question, value in answers.items()}
    request.model, request.existing = bare.get("model", ""), bare.get(EXISTING, "")
    if text := bare.get("field"):
        found = [*_find_definitions(_parse_statements(text))]
        if len(found) == 1:
            _apply_definition(request, found[0])
        elif _NAME.fullmatch(text):
            request.name = text
        else:
            words = f"`{sanitise.shorten(text, 80)}` is not a Django field in Python syntax"
            request.problems.append(words)
    said = bare.get(TEST, "")
    request.wants_test = said.lower() in _YES
    if said and said.lower() not in _YES | _NO:
        request.problems.append(f"`{sanitise.shorten(said, 80)}` is neither yes nor no")


# --- definitions ------------------------------------------------------------------------------


class _Definition(NamedTuple):
    """A field's type with its options, and what else is known from the code."""

    code: ast.expr
    name: str = ""
    model: str = ""


def _find_definitions(statements: list[ast.stmt]) -> Iterator[_Definition]:
    """Find `name = models.CharField(…)` and `CharField(…)`, in a class or not."""
    for model, line in _list_lines(statements):
        match line:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Call() | ast.Attribute() | ast.Name() as code
            ):
                pass
            case ast.Expr(value=code):
                name = ""
            case _:
                continue
        dotted = read_dotted_name(code.func if isinstance(code, ast.Call) else code)
        if dotted and _TYPE.fullmatch(dotted):
            yield _Definition(code, name, model)


def _list_lines(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield statements, those of classes with the name of the class."""
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            yield from ((statement.name, line) for line in statement.body)
        else:
            yield "", statement


def _apply_definition(request: FieldRequest, found: _Definition) -> None:
    request.definition = found.code
    request.name = request.name or found.name
    request.model = request.model or found.model


def _parse_statements(source: str) -> list[ast.stmt]:
    """Parse Python that is set in or not; empty where it is none."""
    lines = [line for line in source.splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    try:
        text = "\n".join(line[margin:] for line in lines)
        return foreign_python.parse_module(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


# --- code marks -------------------------------------------------------------------------------


def _read_marks(request: FieldRequest, document: tickets.TicketDocument) -> Iterator[str]:
    """Add what a ticket states by code alone; yield the code that was used."""
    defining: dict[str, list[_Definition]] = {}
    models: dict[str, str] = {}
    names: dict[str, str] = {}
    for code in (*document.marks, *document.blocks):
        if found := _read_definitions(code):
            defining[code] = found
        elif both := _MODEL_AND_NAME.fullmatch(code):
            models[code], names[code] = both["model"], both["name"]
        elif _MODEL.fullmatch(code):
            models[code] = code
        elif _NAME.fullmatch(code):
            names[code] = code
    if not request.definition and defining:
        every = [definition for found in defining.values() for definition in found]
        # `CharField` in a title says less of the same than `CharField(max_length=50)`.
        chosen = [found for found in every if isinstance(found.code, ast.Call)] or every
        if len({(definition.name, ast.dump(definition.code)) for definition in chosen}) > 1:
            request.problems.append(
                "the ticket defines several fields, but one ticket can add only one"
            )
        _apply_definition(request, chosen[0])
        yield from defining
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


def _explain_unread(code: str) -> str:
    try:
        foreign_python.parse_module(code.strip())
    except SyntaxError as problem:
        return problem.msg
    except (ValueError, RecursionError, MemoryError) as problem:
        return str(problem)
    return ""


def _read_definitions(code: str) -> list[_Definition]:
    """Read definitions; none where the code contains anything else."""
    statements = _parse_statements(code)
    found = [*_find_definitions(statements)]
    other = [line for _, line in _list_lines(statements) if not _is_aside(line)]
    return found if len(found) == len(other) else []


def _is_aside(line: ast.stmt) -> bool:
    is_text = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    return is_text or isinstance(line, ast.Import | ast.ImportFrom | ast.Pass)
