"""What a test of the new field says, in the repository's own style.

It must fail without the change. Where it goes is left to `new_test_place`.
"""

from __future__ import annotations

import re

from agent.recipes import layout
from agent.recipes.add_field import rendering
from agent.recipes.add_field.parameters import Field, NewTest, Parameters
from agent.recipes.source import SourceFile


def to_snake_case(name: str) -> str:
    """A class name in lower case with underscores."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


#: Options that Django keeps on the field as they were stated, and where.
_ATTRIBUTES = {
    name: name
    for name in (
        *("max_length", "max_digits", "decimal_places", "null", "blank", "unique", "db_index"),
        *("default", "editable", "auto_now", "auto_now_add", "verbose_name", "help_text"),
        *("db_column", "upload_to"),
    )
} | {"related_name": "remote_field.related_name"}


def _facts(field: Field) -> list[tuple[str, str]]:
    """Attributes of the field and what they must be, as source."""
    found: list[tuple[str, str]] = []
    for option in field.options:
        value = option.value
        if option.name in _ATTRIBUTES and value.kind == "literal" and "%(" not in value.text:
            found.append((_ATTRIBUTES[option.name], value.text))
        elif option.name == "default" and value.kind == "symbol" and not value.module:
            found.append(("default", value.name))
        elif option.name == "on_delete":
            found.append(("remote_field.on_delete", value.name))
    if field.option("null") is None and field.type_name != "ManyToManyField":
        found.append(("null", "False"))
    return found


def render_test(parameters: Parameters, test: NewTest, like: SourceFile) -> bytes:
    """Write the file of the test; quotes and line ends are those of another file."""
    source = SourceFile(test.path, b"")
    source.__dict__["quote"] = like.quote
    names = rendering.FileNames(source)
    body = _body(parameters, test, source, names)
    outside = sorted(_import_line(module, name) for module, name in names.needed)
    own = _import_line(test.model_module, test.model)
    code = "\n".join([*outside, "", own, "", "", *body]) + "\n"
    return code.replace("\n", like.newline).encode()


def _import_line(module: str, name: str | None) -> str:
    return f"from {module} import {name}" if name else f"import {module}"


def _body(
    parameters: Parameters,
    test: NewTest,
    source: SourceFile,
    names: rendering.FileNames,
) -> list[str]:
    writer = _Writer(parameters, test, source)
    field = parameters.field
    checks = [*writer.call(f"field = {test.model}._meta.get_field", [writer.text(field.name)]), ""]
    if field.own_type:
        models = names.refer("django.db", "models")
        checks += writer.is_instance("field", f"{models}.{field.type_name}")
    else:
        checks += writer.equal("type(field).__name__", repr(field.type_name))
    if field.target:
        checks += writer.equal("field.remote_field.model._meta.label", repr(field.target))
    for name, wanted in _facts(field):
        of_models = name == "remote_field.on_delete"
        prefix = f"{names.refer('django.db', 'models')}." if of_models else ""
        checks += writer.equal(f"field.{name}", f"{prefix}{wanted}")
    return writer.write_test(f"test_{to_snake_case(test.model)}_has_{field.name}", checks, names)


class _Writer:
    """Writes checks as functions with `assert`, or as methods of a TestCase."""

    def __init__(self, parameters: Parameters, test: NewTest, source: SourceFile) -> None:
        self._parameters = parameters
        self._test = test
        self._source = source
        self._in_class = test.is_method
        self._indent = "        " if self._in_class else "    "

    def text(self, content: str) -> str:
        return layout.text(content, self._source)

    def _code(self, literal: str) -> str:
        return layout.adopt_quotes(literal, self._source)

    def is_instance(self, what: str, kind: str) -> list[str]:
        head = "self.assertIsInstance" if self._in_class else "assert isinstance"
        return self.call(head, [what, kind])

    def call(self, head: str, arguments: list[str]) -> list[str]:
        """A call, broken where the width asks for it; lines are indented later."""
        space = self._parameters.width - len(self._indent)
        one_per_line = self._parameters.one_per_line
        return layout.wrap_call(head, arguments, "", space, one_per_line=one_per_line)

    def equal(self, what: str, literal: str) -> list[str]:
        wanted = self._code(literal)
        space = self._parameters.width - len(self._indent)
        single = literal in ("None", "True", "False") or what.endswith(".on_delete")
        if self._in_class:
            method = "assertIs" if single else "assertEqual"
            return self.call(f"self.{method}", [what, wanted])
        line = f"assert {what} {'is' if single else '=='} {wanted}"
        return [line] if len(line) <= space else [f"assert {what} == (", f"    {wanted}", ")"]

    def write_test(self, wanted: str, steps: list[str], names: rendering.FileNames) -> list[str]:
        arrow = " -> None" if self._test.annotated else ""
        indented = [f"{self._indent}{step}" if step else "" for step in steps]
        if not self._in_class:
            return [f"def {wanted}(){arrow}:", *indented]
        base = names.refer("django.test", "TestCase")
        title = "".join(part.capitalize() for part in self._parameters.field.name.split("_"))
        head = [f"class {self._test.model}{title}Tests({base}):"]
        whole = f"    def {wanted}(self){arrow}:"
        broken = [f"    def {wanted}(", "        self,", f"    ){arrow}:"]
        head += [whole] if len(whole) <= self._parameters.width else broken
        return [*head, *indented]
