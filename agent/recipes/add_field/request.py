"""The facts that a ticket's structure states about a new field.

A definition in Python is the best structure there is: it is parsed, and its options stand as they
are. Whether the facts suffice and fit the code is left to `settling`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.models.ticket import Ticket
from agent.recipes import tickets
from agent.recipes.modules import read_dotted_name

#: Questions of the form, and the facts that they ask for.
_KEYS = {
    "model": "model",
    "field": "field",
    "default for existing rows": "existing",
    "show in admin list": "admin",
    "add a test": "test",
}
WISHES = ("admin", "test")
_TYPE = re.compile(r"(?:\w+\.)*(?:[A-Z]\w*Field|ForeignKey|ParentalKey)")
_MODEL = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*")
_MODEL_AND_NAME = re.compile(r"(?P<model>(?:[a-z_]\w*\.)*[A-Z]\w*)\.(?P<name>[a-z_]\w*)")
_NAME = re.compile(r"[a-z_]\w*")
_YES, _NO = frozenset({"yes", "true"}), frozenset({"no", "false"})


@dataclass
class FieldRequest:
    """What a ticket states; empty where it does not."""

    model: str = ""
    name: str = ""
    type_name: str = ""
    options: dict[str, ast.expr] = field(default_factory=dict)
    existing: str = ""
    """Python source."""
    wishes: dict[str, str] = field(default_factory=dict)
    """Of `WISHES` those that are wanted: "yes", or the name of a class."""
    problems: list[str] = field(default_factory=list)
    """What is missing or unclear, in words."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that state none of these facts."""

    @property
    def names_recipe(self) -> bool:
        """Whether it is about a new field at all."""
        return bool(self.type_name) and bool(self.model or self.name)

    def fill_form(self, *, asks_existing: bool) -> str:
        options = ", ".join(f"{name}={_format_node(node)}" for name, node in self.options.items())
        definition = f"{self.name or '…'} = models.{self.type_name or '…'}({options or '…'})"
        answers = {"model": self.model, "field": definition}
        if self.existing or asks_existing:
            answers["default for existing rows"] = self.existing
        questions = {fact: key for key, fact in _KEYS.items()}
        answers |= {questions[fact]: wanted for fact, wanted in self.wishes.items()}
        return tickets.write_form(answers)


def read_request(ticket: Ticket) -> FieldRequest:
    document = tickets.read_document(ticket, _KEYS)
    answers = {_KEYS[key]: value for key, value in document.answers.items()}
    request, marks = FieldRequest(), _Marks(document)
    _take_answers(request, answers)
    used = marks.complete(request)
    if not ({"model", "field"} & set(answers)) and marks.has_other_code:
        request.problems.append("the ticket has code that is no definition of a field")
    request.not_done = document.list_rest(*used)
    return request


# --- answers of a form ------------------------------------------------------------------------


def _take_answers(request: FieldRequest, answers: dict[str, str]) -> None:
    bare = {fact: value.strip("` \n") for fact, value in answers.items()}
    request.model, request.existing = bare.get("model", ""), bare.get("existing", "")
    if (text := bare.get("field")) and not _take_definition(request, text):
        if _NAME.fullmatch(text):
            request.name = text
        else:
            words = f"`{tickets.shorten_line(text, 80)}` is no field of Django's as in Python"
            request.problems.append(words)
    for fact in WISHES:
        said = bare.get(fact, "")
        if said.lower() in _YES:
            request.wishes[fact] = "yes"
        elif fact != "test" and re.fullmatch(r"[A-Za-z_][\w.]*", said) and said.lower() not in _NO:
            request.wishes[fact] = said
        elif said and said.lower() not in _NO:
            request.problems.append(f"`{tickets.shorten_line(said, 80)}` is neither yes nor no")


def _take_definition(request: FieldRequest, text: str) -> bool:
    """Take a type, with its options and a name, out of Python source; whether it is one."""
    found = [*_find_definitions(text)]
    if len(found) != 1:
        return False
    _take_found(request, found[0])
    return True


# --- definitions ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Definition:
    """A field's type with its options, and what else the code says of it."""

    call: ast.expr
    name: str = ""
    model: str = ""


def _find_definitions(source: str) -> Iterator[_Definition]:
    """Find `name = models.CharField(…)` and `CharField(…)`, in a class or not."""
    for statement in _parse_statements(source):
        inner = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        model = statement.name if isinstance(statement, ast.ClassDef) else ""
        for line in inner:
            if isinstance(line, ast.Assign) and len(line.targets) == 1:
                target: ast.expr = line.targets[0]
                if isinstance(target, ast.Name) and isinstance(line.value, ast.Call):
                    if _find_type(line.value):
                        yield _Definition(line.value, target.id, model)
            elif isinstance(line, ast.Expr) and _find_type(line.value):
                yield _Definition(line.value, "", model)


def _find_type(node: ast.expr) -> str:
    """Return the field type that an expression names or calls; empty where it is none."""
    dotted = read_dotted_name(node.func if isinstance(node, ast.Call) else node) or ""
    return dotted.rpartition(".")[2] if _TYPE.fullmatch(dotted) else ""


def _take_found(request: FieldRequest, found: _Definition) -> None:
    request.type_name = _find_type(found.call)
    request.name = request.name or found.name
    request.model = request.model or found.model
    if not isinstance(found.call, ast.Call):
        return
    is_relation = request.type_name.endswith("Key") or request.type_name in (
        "OneToOneField",
        "ManyToManyField",
    )
    names = ("to", "on_delete") if is_relation else ("verbose_name",)
    positional = [
        ast.keyword(arg=name, value=value)
        for name, value in zip(names, found.call.args, strict=False)
    ]
    if len(found.call.args) > len(names):
        request.problems.append("options need their names, as in `max_length=50`")
    _take_keywords(request, [*positional, *found.call.keywords])


def _take_keywords(request: FieldRequest, keywords: list[ast.keyword]) -> None:
    for keyword in keywords:
        if keyword.arg is None:
            request.problems.append("`**` hides the options")
        elif keyword.arg in request.options and (
            ast.dump(request.options[keyword.arg]) != ast.dump(keyword.value)
        ):
            request.problems.append(f"`{keyword.arg}` is stated twice, differently")
        else:
            request.options[keyword.arg] = keyword.value


# --- code marks -------------------------------------------------------------------------------


class _Marks:
    def __init__(self, document: tickets.Document) -> None:
        self._definitions: dict[str, _Definition] = {}
        self._models: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self.has_other_code = False
        for mark in document.marks:
            self._sort(mark)
        for block in document.blocks:
            known = len(self._definitions)
            self._sort_definitions(block)
            self.has_other_code |= len(self._definitions) == known or not _only_defines(block)

    def _sort(self, mark: str) -> None:
        if self._sort_definitions(mark):
            return
        both = _MODEL_AND_NAME.fullmatch(mark)
        if both:
            self._models[mark], self._names[mark] = both["model"], both["name"]
        elif _MODEL.fullmatch(mark):
            self._models[mark] = mark
        elif _NAME.fullmatch(mark):
            self._names[mark] = mark

    def _sort_definitions(self, code: str) -> bool:
        found = [*_find_definitions(code)]
        self._definitions |= {code if len(found) == 1 else f"{code}{n}": one
                              for n, one in enumerate(found)}  # fmt: skip
        return bool(found)

    def complete(self, request: FieldRequest) -> list[str]:
        """Add what a ticket states by code alone; return the marks that were used."""
        used: list[str] = []
        if not request.type_name and self._definitions:
            # `CharField` in a title says less of the same than `CharField(max_length=50)`.
            called = {k: v for k, v in self._definitions.items() if isinstance(v.call, ast.Call)}
            chosen = called or self._definitions
            if len({(one.name, ast.dump(one.call)) for one in chosen.values()}) > 1:
                request.problems.append("the ticket defines several fields; one ticket adds one")
            _take_found(request, next(iter(chosen.values())))
            used += self._definitions
        if not request.name and self._names:
            request.name = next(iter(self._names.values()))
            if len(set(self._names.values())) > 1:
                request.problems.append("the code marks leave open which is the field's name")
            used += self._names
        if not request.model and self._models:
            longest = max(self._models.values(), key=len)
            request.model = longest
            if not all(f".{longest}".endswith(f".{one}") for one in self._models.values()):
                request.problems.append("the code marks leave open which is the model")
            used += self._models
        return used


def _only_defines(code: str) -> bool:
    """Whether a block of code is nothing but fields, in a class or not."""
    statements = _parse_statements(code)
    inner = [
        line
        for one in statements
        for line in (one.body if isinstance(one, ast.ClassDef) else [one])
        if not isinstance(line, ast.Import | ast.ImportFrom | ast.Pass)
        and not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
    ]
    return len(inner) == len([*_find_definitions(code)])


def _parse_statements(source: str) -> list[ast.stmt]:
    """Parse Python that is set in or not; empty where it is none."""
    lines = [line for line in source.splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    try:
        return ast.parse("\n".join(line[margin:] for line in lines)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _format_node(node: ast.expr) -> str:
    try:
        return tickets.shorten_line(ast.unparse(node), 200)
    except (ValueError, RecursionError, MemoryError):
        return "…"
