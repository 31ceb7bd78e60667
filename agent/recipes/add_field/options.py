"""The type, the options and the defaults of the new field: read, and held against each other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.recipes.add_field import field_types, fitting, relation_target, values
from agent.recipes.add_field.facts import Facts, Statement
from agent.recipes.add_field.field_types import FieldType
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import Option, Value

#: What an option says when it is not stated; stating it changes nothing.
UNSTATED = {"null": "False", "blank": "False", "unique": "False", "editable": "True"}
_EVERYWHERE = frozenset({"null", "blank", "default", "unique", "db_index"})


@dataclass
class Read:
    """What the ticket says about type and options, as far as it could be settled."""

    type_name: str | None = None
    own_type: bool = True
    options: tuple[Option, ...] = ()
    existing: Value | None = None
    target: Model | None = None
    target_label: str = ""
    questions: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read(facts: Facts, model: Model | None, index: ModelsIndex) -> Read:
    """Settle type, options and defaults; doubts come back as questions."""
    return _Options(facts, model, index).read()


def _listed(statements: list[Statement], shown: list[str]) -> str:
    pairs = zip(shown, statements, strict=True)
    return " and ".join(dict.fromkeys(f"{text} ({one.place})" for text, one in pairs))


class _Options:
    def __init__(self, facts: Facts, model: Model | None, index: ModelsIndex) -> None:
        self._facts = facts
        self._model = model
        self._index = index
        self._out = Read()
        self._kind: FieldType | None = None
        self._given: dict[str, Value] = {}

    def _ask(self, question: str) -> None:
        self._out.questions.append(question)

    def read(self) -> Read:
        self._type()
        for name in self._facts.options():
            self._option(name)
        self._wishes()
        existing = self._existing()
        kind = self._kind
        if kind is not None:
            self._required(kind)
            self._relation(kind)
            self._together(kind)
            self._defaults(kind, existing)
        self._out.options = self._ordered()
        return self._out

    # --- type -------------------------------------------------------------------------------

    def _type(self) -> None:
        statements = self._facts.all("type")
        if not statements:
            self._ask("Which field type is meant? State it as in `CharField`.")
            return
        found = [self._type_name(one.value) for one in statements]
        if None in found:
            return
        if len(set(found)) > 1:
            listed = _listed(statements, [str(one) for one in found])
            self._ask(f"The field type is said twice, differently: {listed}. Which one holds?")
            return
        self._out.type_name = found[0]
        self._kind = field_types.BY_NAME.get(str(found[0]))
        self._hold_against_weak(statements[0])
        self._out.own_type = self._kind is not None

    def _hold_against_weak(self, stated: Statement) -> None:
        """“A date field” in a title contradicts an IntegerField in the text."""
        for one in self._facts.weak("type"):
            loose = field_types.named(one.value)
            if loose and self._kind and loose.family != self._kind.family:
                listed = _listed([stated, one], [self._kind.name, loose.name])
                self._ask(f"The field type is said twice, differently: {listed}. Which one holds?")

    def _type_name(self, text: str) -> str | None:
        if kind := field_types.named(text):
            return kind.name
        bare = text.strip("`'\" ").removesuffix("()").rpartition(".")[2]
        if bare in field_types.UNFIT_TYPES:
            self._ask(
                f"A {bare} cannot be added this way: {field_types.UNFIT_TYPES[bare]}. "
                "Which type is meant?"
            )
            return None
        if self._model and self._in_scope(bare):
            return bare
        nearest = " or ".join(field_types.nearest_types(text))
        self._ask(f"`{text}` is no field type of Django. Is it {nearest}, or which one?")
        return None

    def _in_scope(self, name: str) -> bool:
        module = self._model.module if self._model else None
        if module is None or not re.fullmatch(r"[A-Z]\w*Field", name):
            return False
        return name in module.classes or name in module.bindings

    # --- single options ---------------------------------------------------------------------

    def _option(self, name: str) -> None:
        statements = self._facts.all(f"option {name}")
        read: list[Value] = []
        for one in statements:
            try:
                read.append(self._value(name, one))
            except values.UnreadableError as problem:
                self._ask(f"`{name}` ({one.place}): {problem}.")
                return
        if len({values.meaning(value) for value in read}) > 1:
            listed = _listed(statements, [value.said() for value in read])
            self._ask(f"`{name}` is said twice, differently: {listed}. Which one holds?")
            return
        if self._fits(name, read[0]):
            self._given[name] = read[0]

    def _value(self, name: str, statement: Statement) -> Value:
        text = statement.value.strip()
        if name == "on_delete":
            return _on_delete(text)
        if name == "to":
            return Value(kind="local", text=text.strip("`'\""))
        if name == "default" and not self._must_be_quoted(statement):
            self._must_be_a_value(statement)
            return values.from_words(text, self._kind)
        if statement.code:
            return values.from_expression(text)
        if name in field_types.BOOLEAN_OPTIONS:
            if text.lower() in ("true", "yes"):
                return values.TRUE
            if text.lower() in ("false", "no"):
                return values.FALSE
        if name in field_types.TEXT_OPTIONS:
            return values.from_words(text, field_types.BY_NAME["TextField"])
        return values.from_expression(text)

    def _must_be_quoted(self, statement: Statement) -> bool:
        """In code a text has quotes; numbers, dates and the like read the same either way."""
        return statement.code and (self._kind is None or self._kind.empty_text)

    def _must_be_a_value(self, statement: Statement) -> None:
        """Without quotes, a field's name or an instruction must not become a text."""
        bare = statement.value.strip().strip("`").strip()
        first, _, last = bare.rpartition(".")
        line = (self._model, *self._model.ancestors()) if self._model else ()
        of_row = not first or first.lower() in {"self", "obj", "row", "instance"} | {
            one.name.lower() for one in line
        }
        if of_row and any(last in one.fields for one in line):
            raise values.UnreadableError(
                f"`{bare}` is a field of {line[0].label}, and all rows get one fixed value; "
                "copying needs a ticket of its own. If the text itself is meant, quote it"
            )
        if not statement.code and values.is_instruction(bare):
            raise values.UnreadableError(
                f"“{bare}” reads as an instruction, and all rows get one fixed value; "
                "state it. If the text itself is meant, quote it"
            )

    def _fits(self, name: str, value: Value) -> bool:
        kind = self._kind
        if reason := field_types.NOT_FROM_A_TICKET.get(name):
            self._ask(f"`{name}` cannot be stated in a ticket: {reason}. Leave it out?")
            return False
        if kind is not None and name not in kind.options:
            near = field_types.nearest(name, tuple(sorted(kind.options)))
            hint = f" Nearest: {', '.join(near)}." if near else ""
            every = "" if kind.family == "many" else " and the options of every field"
            special = kind.options if kind.family == "many" else kind.more or _EVERYWHERE
            article = field_types.with_article(kind)
            self._ask(
                f"{article[0].upper()}{article[1:]} takes no `{name}`.{hint} "
                f"It takes {', '.join(sorted(special))}{every}. What is meant?"
            )
            return False
        if kind is None and self._out.type_name is None and not field_types.known_option(name):
            near = field_types.nearest(name, field_types.all_options())
            hint = f" Nearest: {', '.join(near)}." if near else ""
            self._ask(f"`{name}` is no option of a field.{hint} What is meant?")
            return False
        if name in ("default", "to", "on_delete"):
            return True
        if problem := fitting.option_misfit(name, value):
            self._ask(f"{problem}. What is meant?")
            return False
        return name != "choices" or value.kind != "local" or self._choices_in_scope(value)

    def _choices_in_scope(self, value: Value) -> bool:
        root = value.text.partition(".")[0]
        model = self._model
        if model is None:
            return True
        last_field = max((one.line for one in model.fields.values()), default=model.line)
        if model.names.get(root, last_field + 1) <= last_field:
            return True
        if root in model.module.bindings or root in model.module.classes:
            return True
        self._ask(f"`{value.text}`: {model.path} has no `{root}` there. State the choices.")
        return False

    # --- wishes in words --------------------------------------------------------------------

    def _wishes(self) -> None:
        for one in self._facts.all("required"):
            for name in ("null", "blank"):
                given = self._given.get(name)
                if given is not None and given.text == "True":
                    self._ask(
                        f"{one.place} says that the field is required, and elsewhere "
                        f"`{name}=True` is stated. Which one holds?"
                    )
        for one in self._facts.all("no default"):
            if "default" in self._given:
                self._ask(
                    f"{one.place} says that there is no default, and elsewhere "
                    f"`default={self._given['default'].said()}` is stated. Which one holds?"
                )
        for one in self._facts.all("unique together"):
            self._ask(
                f"{one.place} asks for what is “{one.value}”. That is a rule over several fields, "
                "which needs a ticket of its own. Is the field to be unique by itself "
                "(unique=True), or not?"
            )
        if optional := self._facts.all("optional"):
            self._optional(optional[0])

    def _optional(self, said: Statement) -> None:
        """A field that may be left out: empty in forms, and without a value in the database.

        Django keeps an empty text where there is none; a unique one needs NULL, because two
        empty texts are alike.
        """
        kind = self._kind
        if said.doubtful:
            return  # the sentence is asked about
        for one in self._facts.all("required"):
            if one.doubtful:
                continue
            self._ask(
                f"{said.place} says that the field is optional, and {one.place} that it is "
                "required. Which one holds?"
            )
            return
        off = self._given.get("blank")
        if off is not None and off.text == "False":
            self._ask(
                f"{said.place} says that the field is optional, and elsewhere `blank=False` is "
                "stated. Which one holds?"
            )
            return
        if kind is None or {"null", "blank"} & set(self._given):
            return  # the ticket says itself in which way it is optional
        if kind.family == "boolean" and "default" in self._given:
            self._ask(
                f"{said.place} says that the field is optional, and its default is "
                f"{self._given['default'].said()}. May it be unknown as well (null=True), or is "
                "the default enough?"
            )
            return
        for name in ("null", "blank"):
            empty_text = kind.empty_text and not self._is_on("unique")
            if name == "null" and (kind.family == "many" or empty_text):
                continue
            self._given[name] = values.TRUE

    # --- options together -------------------------------------------------------------------

    def _required(self, kind: FieldType) -> None:
        stated = set(self._facts.options())
        missing = [name for name in kind.required if name not in stated]
        if "max_length" in missing:
            self._ask(f"How many characters may it have? A {kind.name} needs max_length.")
        if {"max_digits", "decimal_places"} & set(missing):
            listed = " and ".join(missing)
            self._ask(f"How many digits and decimal places? A {kind.name} needs {listed}.")
        if "to" in missing:
            self._ask(f"To which model does the {kind.name} point? State it as in `app.Model`.")
        if "on_delete" in missing:
            self._ask(
                "What happens when the row it points to is deleted? State on_delete: one of "
                f"{', '.join(field_types.ON_DELETE)}."
            )

    def _is_on(self, name: str) -> bool:
        value = self._given.get(name)
        return value is not None and value.text == "True"

    def _whole(self, name: str) -> int | None:
        value = self._given.get(name)
        content = values.plain(value) if value else None
        return content if isinstance(content, int) else None

    def _together(self, kind: FieldType) -> None:
        on_delete = self._given.get("on_delete")
        if on_delete and on_delete.name == "SET_NULL" and not self._is_on("null"):
            self._ask("on_delete=SET_NULL needs null=True, which is not stated. Which one holds?")
        if on_delete and on_delete.name == "SET_DEFAULT" and "default" not in self._given:
            self._ask("on_delete=SET_DEFAULT needs a default, which is not stated. Which one?")
        timed = [n for n in ("auto_now", "auto_now_add") if self._is_on(n)]
        if "default" in self._given:
            timed.append("default")
        if len(timed) > 1:
            self._ask(f"{' and '.join(timed)} exclude each other. Which one holds?")
        digits, places = self._whole("max_digits"), self._whole("decimal_places")
        if digits is not None and places is not None and places > digits:
            self._ask(f"decimal_places={places} is more than max_digits={digits}. Which are meant?")
        if kind.family == "ip" and self._is_on("blank") and not self._is_on("null"):
            self._ask("Django allows blank=True on a GenericIPAddressField only with null=True.")
        self._longest_choice()

    def _longest_choice(self) -> None:
        choices, longest = self._given.get("choices"), self._whole("max_length")
        if choices is None or longest is None or choices.kind != "literal":
            return
        content = values.plain(choices)
        for pair in content if isinstance(content, list | tuple) else ():
            if isinstance(pair[0], str) and len(pair[0]) > longest:
                self._ask(
                    f"The choice {pair[0]!r} is longer than max_length={longest}. Which is right?"
                )
                return

    # --- relation ---------------------------------------------------------------------------

    def _relation(self, kind: FieldType) -> None:
        if kind.family not in ("relation", "many") or "to" not in self._given:
            return
        try:
            target = relation_target.find(self._given.pop("to").text, self._model, self._index)
        except relation_target.UnknownError as question:
            self._ask(str(question))
            return
        self._given["to"] = target.written
        self._out.target, self._out.target_label = target.model, target.label

    # --- defaults ---------------------------------------------------------------------------

    def _existing(self) -> Value | None:
        statements = self._facts.all("existing")
        read: list[Value] = []
        for one in statements:
            try:
                if self._must_be_quoted(one):
                    value = values.from_expression(one.value)
                else:
                    self._must_be_a_value(one)
                    value = self._no_text(values.from_words(one.value, self._kind))
            except values.UnreadableError as problem:
                self._ask(f"The value for existing rows ({one.place}): {problem}.")
                return None
            if value.kind == "call" and not value.text:
                value = value.model_copy(update={"kind": "symbol"})
            read.append(value)
        if len({values.meaning(value) for value in read}) > 1:
            listed = _listed(statements, [value.said() for value in read])
            self._ask(
                f"The value for existing rows is said twice, differently: {listed}. "
                "Which one holds?"
            )
            return None
        return read[0] if read else None

    def _no_text(self, value: Value) -> Value:
        """“Existing rows empty” is NULL where an empty text is no value of the field."""
        unlike_text = self._kind is not None and not self._kind.empty_text
        if value == values.literal("") and (unlike_text or self._is_on("unique")):
            return values.NONE if self._is_on("null") or unlike_text else value
        return value

    def _defaults(self, kind: FieldType, existing: Value | None) -> None:
        if existing is None and self._facts.all("existing"):
            return  # asked about already
        self._mutable_default(kind)
        said = {*self._facts.options(), *(["null"] if self._facts.all("required") else [])}
        if existing == values.NONE and "null" not in said and "null" in kind.options:
            self._given["null"] = values.TRUE  # there is no other way to have none
        default = self._given.get("default")
        if default and (problem := fitting.misfit(default, kind, self._given)):
            self._ask(f"The default does not fit: {problem}. Which default is meant?")
        if existing and (problem := fitting.misfit(existing, kind, self._given)):
            self._ask(f"The value for existing rows does not fit: {problem}. Which value is meant?")
            return
        null = self._is_on("null")
        if existing == values.NONE and not ("default" in self._given and null):
            existing = None
        if existing and default and values.meaning(existing) == values.meaning(default):
            existing = None
        filled = existing is not None or default is not None or "db_default" in self._given
        by_django = (
            kind.family == "many"
            or self._is_on("auto_now")
            or (kind.empty_text and self._is_on("blank"))
        )
        unreadable = {"default", "null"} & set(self._facts.options()) - set(self._given)
        open_already = unreadable or self._facts.all("computed")
        if not (null or filled or by_django or open_already):
            self._ask(
                "Which value do existing rows get? State a default for existing rows, a default "
                "for all, or null=True."
            )
        unique = self._is_on("unique") or kind.name == "OneToOneField"
        if unique and (filled or not null) and kind.family != "many":
            self._ask(
                "A unique field cannot give all existing rows the same value. Is it to be "
                "null=True without a default, or not unique?"
            )
        if by_django and not null and not filled and kind.empty_text:
            self._out.remarks.append("Existing rows get the empty text.")
        self._out.existing = existing

    def _mutable_default(self, kind: FieldType) -> None:
        default = self._given.get("default")
        if kind.family != "json" or default is None or default.kind != "literal":
            return
        content = values.plain(default)
        if content in ({}, []):
            name = "dict" if isinstance(content, dict) else "list"
            self._given["default"] = Value(kind="symbol", name=name)
        elif isinstance(content, dict | list):
            self._ask(
                f"The default `{default.shown()}` would be shared by all rows; Django wants a "
                "callable there, which a ticket cannot state. Which default is meant?"
            )

    def _ordered(self) -> tuple[Option, ...]:
        leading = ("to", "on_delete", "max_length", "max_digits", "decimal_places")
        first = [name for name in leading if name in self._given]
        rest = [name for name in self._given if name not in first]
        return tuple(
            Option(name=name, value=self._given[name])
            for name in [*first, *rest]
            if self._given[name].text != UNSTATED.get(name)
        )


def _on_delete(text: str) -> Value:
    bare = text.strip("`'\" ").rpartition(".")[2].upper().replace(" ", "_")
    if bare not in field_types.ON_DELETE:
        near = field_types.nearest(bare, field_types.ON_DELETE)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise values.UnreadableError(
            f"`{text}` is none of {', '.join(field_types.ON_DELETE)}{hint}"
        )
    return Value(kind="symbol", module="django.db.models", name=bare)
