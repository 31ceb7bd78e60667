"""Turn stated facts into settled parameters: each proved by the code, as far as code shows it.

What the values of options do together is for Django to say, when it makes the migration.
"""

from __future__ import annotations

import ast
import difflib
import keyword

from agent.errors import RequestRefused, TicketUnclear
from agent.recipes import style
from agent.recipes.add_field import admin_list, new_test, values
from agent.recipes.add_field.models_index import Model, ModelsIndex
from agent.recipes.add_field.parameters import (
    Carrier,
    Field,
    Listing,
    NewTest,
    Option,
    Parameters,
    Place,
    Value,
)
from agent.recipes.add_field.request import FieldRequest
from repo_config.detect import Project, Tree

#: Options that are code, or that a filled table cannot take.
_NOT_STATED = frozenset(
    ("primary_key", "validators", "storage", "encoder", "decoder", "parent_link", "name")
)
_LEADING = ("to", "on_delete", "max_length", "max_digits", "decimal_places")
#: What an option says when it is not stated; stating it changes nothing.
_UNSTATED = {"null": "False", "blank": "False", "unique": "False", "editable": "True"}
_MOST_PROBLEMS = 5


def settle_facts(asked: FieldRequest, tree: Tree, project: Project) -> Parameters:
    """Settle every fact, or answer with the form as far as it is understood.

    Raises:
        TicketUnclear: A fact is missing, or does not fit the code.
        RequestRefused: The ticket asks for what cannot be done.
    """
    if project.django is None:
        raise RequestRefused(
            "This repository is not a Django project, so there is no model to add a field to. "
            "If it is one, say so with `framework: django` in .github/mergewright.yml."
        )
    if project.django.missing:
        raise RequestRefused(project.django.missing)
    settling = _Settling(asked, project, ModelsIndex(tree, project.django.python_path))
    parameters = settling.settle(tree)
    if parameters is None:
        problems = settling.problems[:_MOST_PROBLEMS]
        asked.model = settling.suggested_model or asked.model
        form = asked.fill_form(asks_existing=settling.asks_existing)
        raise TicketUnclear(tuple(f"{one[:1].upper()}{one[1:]}." for one in problems), form)
    return parameters


class _Settling:
    def __init__(self, asked: FieldRequest, project: Project, index: ModelsIndex) -> None:
        self._asked = asked
        self._project = project
        self._index = index
        self._remarks: list[str] = []
        self.problems: list[str] = list(asked.problems)
        self.asks_existing = False
        self.suggested_model = ""

    def settle(self, tree: Tree) -> Parameters | None:
        model = self._find_model()
        name = self._asked.name
        if not name:
            self.problems.append("the field's name is missing")
        elif problem := _find_name_problem(model, name, self._index):
            self.problems.append(problem)
        field = self._settle_field(model)
        existing = self._settle_existing(field)
        if model is None or self.problems:
            return None
        carriers = self._find_carriers(model)
        listing, test = self._find_listing(model), self._place_test(model, field)
        if self.problems:
            return None
        shape = style.read_style(tree, self._project)
        return Parameters(
            app_label=model.app.label,
            model=model.name,
            place=Place(path=model.path, class_name=model.name, line=model.line),
            abstract=model.abstract,
            field=field,
            existing=existing,
            carriers=carriers,
            listing=listing,
            test=test,
            width=shape.width,
            formatters=shape.formatters,
            remarks=tuple(self._remarks),
            not_done=self._asked.not_done,
        )

    # --- model --------------------------------------------------------------------------------

    def _find_model(self) -> Model | None:
        text = self._asked.model
        if not text:
            self.problems.append("the model is missing")
            return None
        known = [one for one in self._index.models if _is_named(one, text)]
        known = [one for one in known if not one.test_only] or known
        if len(known) == 1:
            return self._fit_model(known[0])
        if known:
            places = ", ".join(sorted(one.description for one in known))
            self.problems.append(f"`{text}` may be {places}")
            return None
        labels = {one.name: one.label for one in self._index.models if not one.test_only}
        near = difflib.get_close_matches(text.rpartition(".")[2], labels, n=1, cutoff=0.5)
        hint = ""
        if near:
            # Whoever agrees has only to copy the form.
            self.suggested_model = labels[near[0]]
            hint = f"; is it {self.suggested_model}?"
        broken = sorted(self._index.modules.unreadable)[:3]
        hint += f" ({', '.join(broken)} cannot be read by this Python)" if broken else ""
        self.problems.append(f"`{text}` is no model of this repository{hint}")
        return None

    def _fit_model(self, model: Model) -> Model:
        if model.proxy:
            parents = " or ".join(one.label for one in model.parents) or "its parent"
            raise RequestRefused(
                f"{model.description} is a proxy model: it has no table of its own. "
                f"Ask for the field on {parents}."
            )
        if model.meta_flag("managed") is False:
            raise RequestRefused(
                f"{model.description} is unmanaged (`managed = False`): Django does not change its "
                "table, so no migration can add the column. Change the table where it is managed."
            )
        return model

    def _find_carriers(self, model: Model) -> tuple[Carrier, ...]:
        """Find the models whose tables get the column: for an abstract one its children."""
        found = [model]
        if model.abstract:
            found = [
                child
                for child in self._index.find_children(model)
                if not (child.abstract or child.proxy or child.meta_flag("managed") is False)
                and not any(
                    not a.abstract and model in a.list_ancestors() for a in child.list_ancestors()
                )
            ]
        kept = [one for one in found if not self._index.find_missing_migrations(one.app)]
        for one in found:
            if one not in kept and not one.test_only:
                raise RequestRefused(
                    f"The app {one.app.label} has no migrations to add to: "
                    f"{self._index.find_missing_migrations(one.app)}. Run `python manage.py "
                    f"makemigrations {one.app.label}` on the base branch and commit the result."
                )
        if model.abstract:
            labels = ", ".join(one.label for one in kept)
            self._remarks.append(
                f"{model.label} is abstract: its concrete children get the column ({labels})."
                if kept
                else f"{model.label} is abstract and has no concrete child with migrations here."
            )
        return tuple(
            Carrier(app_label=one.app.label, model=one.name, migrations=one.app.migrations)
            for one in kept
        )

    # --- field --------------------------------------------------------------------------------

    def _settle_field(self, model: Model | None) -> Field:
        asked = self._asked
        own = asked.type_name not in values.OF_DJANGO
        in_scope = model is None or _has_name(model, asked.type_name)
        if not asked.type_name:
            self.problems.append("the field's type is missing")
        elif own and not in_scope:
            self.problems.append(f"{model.path if model else ''} has no type `{asked.type_name}`")
        missing = [
            name for name in values.REQUIRED.get(asked.type_name, ()) if name not in asked.options
        ]
        if missing:
            self.problems.append(f"a {asked.type_name} needs {' and '.join(missing)}")
        options: dict[str, Value] = {}
        target = ""
        for name, node in asked.options.items():
            try:
                if name == "to" and asked.type_name in values.RELATIONS:
                    if model is not None:
                        found = values.find_target(node, model, self._index)
                        options["to"], target = found.written, found.label
                else:
                    options[name] = self._read_option(name, node, model)
            except values.UnreadableError as problem:
                self.problems.append(f"the value of `{name}` {problem}")
        ordered = [name for name in _LEADING if name in options]
        ordered += [name for name in options if name not in ordered]
        return Field(
            name=asked.name,
            type_name=asked.type_name,
            own_type=not own,
            options=tuple(
                Option(name=name, value=options[name])
                for name in ordered
                if options[name].text != _UNSTATED.get(name)
            ),
            target=target,
        )

    def _read_option(self, name: str, node: ast.expr, model: Model | None) -> Value:
        if name in _NOT_STATED:
            raise values.UnreadableError("is code, which a ticket cannot state")
        if name == "on_delete":
            return values.read_on_delete(node)
        value = values.read_node(node)
        if value.kind == "local" and model and not _has_name(model, value.text.partition(".")[0]):
            raise values.UnreadableError(f"is not known in {model.path}")
        mutable = name == "default" and values.get_plain_value(value) in ({}, [])
        if mutable:
            return Value(kind="symbol", name="list" if value.text == "[]" else "dict")
        return value

    def _settle_existing(self, field: Field) -> Value | None:
        """Settle what rows that are there already get."""
        existing = None
        try:
            if self._asked.existing:
                existing = values.read_expression(self._asked.existing)
        except values.UnreadableError as problem:
            self.problems.append(f"the default for existing rows {problem}")
        default = field.option("default")
        if existing == values.NONE and default is None:
            existing = None
        by_itself = default
        if default is None and field.is_on("null"):
            by_itself = values.NONE
        elif default is None and field.type_name in values.TEXTS and field.is_on("blank"):
            by_itself = values.make_literal("")
        is_given = (
            by_itself is not None
            or field.type_name == "ManyToManyField"
            or field.is_on("auto_now")
            or field.option("db_default") is not None
        )
        if is_given and existing not in (None, by_itself):
            self.problems.append(
                "existing rows get a value by Django; leave the default for existing rows out"
            )
        elif not is_given and existing is None and field.own_type and field.type_name:
            self.asks_existing = True
            self.problems.append(
                "existing rows need a value: a default, null=True, or one for them"
            )
        unique = field.is_on("unique") or field.type_name == "OneToOneField"
        if unique and (existing or default or not field.is_on("null")):
            self.problems.append(
                "a unique field needs null=True, and one value is not for all rows"
            )
        return None if is_given else existing

    # --- everything else ----------------------------------------------------------------------

    def _find_listing(self, model: Model) -> Listing | None:
        wanted = self._asked.wishes.get("admin")
        if not wanted:
            return None
        models: tuple[Model, ...] = (model,)
        if model.abstract:
            models = tuple(one for one in self._index.find_children(model) if not one.abstract)
        only = None if wanted == "yes" else wanted
        try:
            return admin_list.find_admin_list(models, only, self._asked.name, self._index)
        except admin_list.UnsettledError as problem:
            self.problems.append(str(problem))
            return None

    def _place_test(self, model: Model, field: Field) -> NewTest | None:
        if "test" not in self._asked.wishes:
            return None
        tested = model
        if model.abstract:
            children = [
                m for m in self._index.find_children(model) if not m.abstract and not m.proxy
            ]
            tested = min(children, key=lambda m: (m.test_only, m.path, m.line), default=model)
        planned = new_test.plan_test(tested, field, self._index, self._project)
        if planned is None:
            self.problems.append("the repository has no test whose style a new one could follow")
        return planned


def _has_name(model: Model, name: str) -> bool:
    """Whether the model's file, or the model before its last field, has a name in scope."""
    module = model.module
    last_field = max((one.line for one in model.fields.values()), default=model.line)
    in_body = model.names.get(name, last_field + 1) <= last_field
    return in_body or name in module.scope.names


def _is_named(model: Model, text: str) -> bool:
    """Whether `Customer`, `shop.Customer` or `shop.models.Customer` means a model."""
    before, _, bare = text.rpartition(".")
    known = (
        "",
        model.app.label,
        model.module.dotted,
        model.app.dotted,
        f"{model.app.label}.models",
    )
    return bare == model.name and before in known


def _find_name_problem(model: Model | None, name: str, index: ModelsIndex) -> str:
    """Say why the model cannot get a field of this name; empty where nothing shows.

    What installed packages and reverse names take is found by Django's own checks.
    """
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        return f"`{name}` is no name that Python code could use"
    if name.endswith("_") or "__" in name or name in ("pk", "id"):
        return f"`{name}` is a name that Django does not allow"
    for one in (model, *model.list_ancestors(), *index.find_children(model)) if model else ():
        for taken in (name, f"{name}_id"):
            if taken in one.names:
                return f"`{name}` is taken by {one.name}.{taken} ({one.path}:{one.names[taken]})"
        owner = name.removesuffix("_id")
        if owner != name and owner in one.fields:
            return f"`{name}` is the column of {one.name}.{owner}"
    return ""
