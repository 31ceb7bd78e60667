"""What a test of the new field says, in the repository's own style.

It must fail without the change, and never build an instance whose values would be guesses. Where
it goes is left to `new_test_place`.
"""

from __future__ import annotations

import itertools
import re
import sys

from agent.errors import RequestRefused
from agent.recipes import imports, layout, nodes
from agent.recipes.add_field import field_types, rendering, values
from agent.recipes.add_field.parameters import Field, NewTest, Parameters, Value
from agent.recipes.source import SourceFile
from agent.recipes.word_lists import words


def snake(name: str) -> str:
    """A class name in lower case with underscores."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def expected(field: Field) -> str | None:
    """What the field holds on a new instance, as source; None where that is not fixed."""
    kind = field_types.BY_NAME.get(field.type_name)
    default = field.option("default")
    if kind is None or field.is_on("auto_now") or field.is_on("auto_now_add"):
        return None
    if default is not None:
        if default.kind == "literal":
            return default.text
        return {"dict": "{}", "list": "[]"}.get(default.name) if not default.module else None
    if field.option("db_default") is not None:
        return None
    if field.is_on("null"):
        return "None"
    return "''" if kind.family == "text" else None


#: Options that Django keeps on the field as they were stated.
_LITERAL_ATTRIBUTES = field_types.NUMBER_OPTIONS | words(
    "null blank unique db_index editable auto_now auto_now_add verbose_name help_text db_column "
    "db_comment db_collation upload_to unique_for_date unique_for_month unique_for_year "
    "allow_unicode protocol unpack_ipv4 path match recursive allow_files allow_folders "
    "width_field height_field"
)
_OF_RELATION = {
    "related_name": "related_name",
    "related_query_name": "related_query_name",
    "limit_choices_to": "limit_choices_to",
    "to_field": "field_name",
    "db_constraint": "db_constraint",
    "symmetrical": "symmetrical",
}


def _facts(field: Field, parameters: Parameters) -> list[tuple[str, str]]:
    """Attributes of the field and what they must be, as source."""
    found: list[tuple[str, str]] = []
    for option in field.options:
        literal = option.value.kind == "literal"
        if option.name in _LITERAL_ATTRIBUTES and literal:
            found.append((option.name, option.value.text))
        elif option.name in _OF_RELATION and literal and "%" not in option.value.text:
            found.append((f"remote_field.{_OF_RELATION[option.name]}", option.value.text))
        elif option.name == "on_delete":
            found.append(("remote_field.on_delete", option.value.name))
        elif option.name == "choices" and literal and (plain := _plain_choices(option.value)):
            found.append(("choices", plain))
    if field.option("null") is None and field.type_name != "ManyToManyField":
        found.append(("null", "False"))
    if parameters.test and parameters.test.instance == "none":
        value = expected(field)
        if value not in (None, "''", "None"):
            found.append(("get_default()", str(value)))
    return found


def _made_default(field: Field, names: rendering.FileNames, source: SourceFile) -> str:
    """A default that is called or has to be made, as the test file writes it; else empty."""
    default = field.option("default")
    if default is None or default.kind not in ("symbol", "call") or not default.module:
        return ""
    if default.kind == "call" and (not default.text or default.name == "gettext_lazy"):
        return ""  # another value at each moment, or in each language
    try:
        return rendering.value(default, names, source)
    except RequestRefused:
        return ""  # its name means something else in that file


def _plain_choices(value: Value) -> str | None:
    choices = values.plain(value)
    if not isinstance(choices, list | tuple):
        return None
    pairs = [pair for pair in choices if isinstance(pair, list | tuple) and len(pair) == 2]
    if len(pairs) != len(choices) or any(isinstance(label, list | tuple) for _, label in pairs):
        return None
    return repr([tuple(pair) for pair in pairs])


def add(parameters: Parameters, existing: SourceFile | None, like: SourceFile) -> bytes:
    """Write the test: a new file, or more of an existing one.

    Args:
        like: A file of the repository whose quotes and line ends a new file takes over.
    """
    test = parameters.test
    if test is None:
        raise ValueError("no test was asked for")
    if existing is None:
        code = _new_file(parameters, test, like)
        return code.replace("\n", like.newline).encode()
    names = rendering.FileNames(existing)
    model = model_reference(existing, names, test.model_module, test.model)
    lines = _body(parameters, test, model, existing, names)
    existing.insert_lines(len(existing.text), ["", "", *lines])
    imports.add_imports(existing, names.needed, parameters.width)
    return existing.result()


def model_reference(source: SourceFile, names: rendering.FileNames, module: str, model: str) -> str:
    """Say how a test file refers to the model; notes the import where there is none yet.

    Raises:
        RequestRefused: The name means something else there.
    """
    for spelled in (module, ".models", "..models", ".", ".."):
        if spelled == module or spelled.endswith("models"):
            if found := names.reference(spelled, model):
                return found
    relative = any(
        imports.imports_from(small, ".models") for small in nodes.top_statements(source.module)
    )
    return names.refer(".models" if relative and module.endswith(".models") else module, model)


def _new_file(parameters: Parameters, test: NewTest, like: SourceFile) -> str:
    empty = SourceFile(test.path, b"")
    empty.__dict__["quote"] = like.quote
    names = rendering.FileNames(empty)
    body = _body(parameters, test, test.model, empty, names)
    outside = sorted(_import_line(module, name) for module, name in names.needed)
    outside.sort(key=lambda line: (line.startswith("from"), line))
    standard = [line for line in outside if _is_standard(line)]
    outside = [one for one in outside if one not in standard]
    outside = [*standard, *([""] if standard and outside else []), *outside]
    own = _import_line(test.model_module, test.model)
    return "\n".join([*outside, "", own, "", "", *body]) + "\n"


def _is_standard(line: str) -> bool:
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names


def _import_line(module: str, name: str | None) -> str:
    return f"from {module} import {name}" if name else f"import {module}"


def _body(
    parameters: Parameters,
    test: NewTest,
    model: str,
    source: SourceFile,
    names: rendering.FileNames,
) -> list[str]:
    writer = _Writer(parameters, test, source)
    field = parameters.field
    variable = snake(test.model)
    if variable in ("models", "field", "pytest", "self") or not variable.isidentifier():
        variable = "instance"
    getter = writer.call(f"field = {model}._meta.get_field", [writer.text(field.name)])
    checks = [*getter, ""]
    if field.own_type:
        models = names.refer("django.db", "models")
        checks += writer.is_instance("field", f"{models}.{field.type_name}")
    else:
        checks += writer.equal("type(field).__name__", repr(field.type_name))
    if field.target:
        checks += writer.equal("field.remote_field.model._meta.label", repr(field.target))
    for name, wanted in _facts(field, parameters):
        of_models = name == "remote_field.on_delete"
        prefix = f"{names.refer('django.db', 'models')}." if of_models else ""
        checks += writer.equal(f"field.{name}", f"{prefix}{wanted}")
    if default := _made_default(field, names, source):
        checks += writer.equal("field.default", default)
    tests = [(f"test_{snake(test.model)}_has_{field.name}", checks, False)]
    wanted_value = expected(field)
    if test.instance != "none" and wanted_value is not None:
        saved = test.instance == "saved"
        steps = [f"{variable} = {model}()"]
        steps += [f"{variable}.save()", f"{variable}.refresh_from_db()"] if saved else []
        steps += ["", *writer.equal(f"{variable}.{field.name}", wanted_value)]
        tests.append((f"test_{field.name}_of_a_new_{snake(test.model)}", steps, saved))
    return writer.tests(tests, names)


class _Writer:
    """Writes checks as functions with `assert`, or as methods of a TestCase."""

    def __init__(self, parameters: Parameters, test: NewTest, source: SourceFile) -> None:
        self._parameters = parameters
        self._test = test
        self._source = source
        self._in_class = test.style == "class"
        self._indent = "        " if self._in_class else "    "
        # A name within a string or a comment does no harm here.
        self._taken = frozenset(re.findall(r"[^\W\d]\w*", source.text))

    def _class_names(self) -> tuple[str, ...]:
        field = self._parameters.field.name
        title = "".join(part[:1].upper() + part[1:] for part in field.split("_"))
        stem = f"{self._test.model}{title}"
        return f"{stem}Tests", f"{stem}FieldTests", f"{stem}NewFieldTests"

    def _free(self, *names: str) -> str:
        """The first name that nothing in the file has: a second one would hide the first."""
        numbered = (f"{names[-1]}{number}" for number in itertools.count(2))
        return next(name for name in itertools.chain(names, numbered) if name not in self._taken)

    def text(self, content: str) -> str:
        return layout.text(content, self._source)

    def _code(self, literal: str) -> str:
        return layout.quoted(literal, self._source)

    def is_instance(self, what: str, kind: str) -> list[str]:
        head = "self.assertIsInstance" if self._in_class else "assert isinstance"
        return self.call(head, [what, kind])

    def call(self, head: str, arguments: list[str]) -> list[str]:
        """A call, broken where the width asks for it; lines are indented later."""
        room = self._parameters.width - len(self._indent)
        one_per_line = self._parameters.one_per_line
        return layout.wrapped(head, arguments, "", room, one_per_line=one_per_line)

    def equal(self, what: str, literal: str) -> list[str]:
        wanted = self._code(literal)
        room = self._parameters.width - len(self._indent)
        single = literal in ("None", "True", "False") or what.endswith(".on_delete")
        if self._in_class:
            if literal == "None":
                return [f"self.assertIsNone({what})"]
            if literal in ("True", "False"):
                return [f"self.assert{literal}({what})"]
            method = "assertIs" if single else "assertEqual"
            return self.call(f"self.{method}", [what, wanted])
        line = f"assert {what} {'is' if single else '=='} {wanted}"
        if len(line) > room and (opened := layout.opened(f"assert {what} == ", wanted)):
            return opened
        return [line] if len(line) <= room else [f"assert {what} == (", f"    {wanted}", ")"]

    def tests(
        self, tests: list[tuple[str, list[str], bool]], names: rendering.FileNames
    ) -> list[str]:
        lines: list[str] = []
        arrow = " -> None" if self._test.annotated else ""
        if self._in_class:
            base = names.refer("django.test", "TestCase")
            lines.append(f"class {self._free(*self._class_names())}({base}):")
        for number, (wanted, steps, saved) in enumerate(tests):
            if number:
                lines += [""] if self._in_class else ["", ""]
            # A class is new, and its methods with it.
            name = wanted if self._in_class else self._free(wanted, f"{wanted}_field")
            if self._in_class:
                whole = f"    def {name}(self){arrow}:"
                broken = [f"    def {name}(", "        self,", f"    ){arrow}:"]
                lines += [whole] if len(whole) <= self._parameters.width else broken
            else:
                if saved and self._test.marker:
                    pytest = names.refer_module("pytest")
                    lines.append(f"@{pytest}.mark.django_db")
                lines.append(f"def {name}(){arrow}:")
            lines += [f"{self._indent}{step}" if step else "" for step in steps]
        return lines
