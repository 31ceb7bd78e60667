"""Turn stated facts into settled parameters: each proved by the code, all doubts asked at once."""

from __future__ import annotations

import re

from agent.errors import RequestRefused, TicketUnclear
from agent.recipes.add_field import (
    companions,
    field_types,
    names,
    new_test,
    options,
    style,
)
from agent.recipes.add_field.facts import Facts, Statement
from agent.recipes.add_field.models_index import App, Model, ModelsIndex
from agent.recipes.add_field.modules import External
from agent.recipes.add_field.parameters import (
    Carrier,
    Field,
    Listing,
    NewTest,
    Parameters,
    Place,
    Value,
)
from repo_config.detect import Project, Tree

#: Models that come with Django, by name.
_OF_DJANGO = {
    "user": "auth.User",
    "group": "auth.Group",
    "permission": "auth.Permission",
    "contenttype": "contenttypes.ContentType",
    "session": "sessions.Session",
    "site": "sites.Site",
    "logentry": "admin.LogEntry",
    "flatpage": "flatpages.FlatPage",
    "redirect": "redirects.Redirect",
}


def settle(facts: Facts, tree: Tree, project: Project) -> Parameters:
    """Settle every fact, or ask for all that is open in one list.

    Raises:
        TicketUnclear: With every question.
        RequestRefused: The ticket asks for what cannot be done.
    """
    if project.django is None:
        raise RequestRefused(
            "This repository is not a Django project, so there is no model to add a field to. "
            "If it is one, say so with `framework: django` in .github/mergewright.yml."
        )
    if project.django.settings_module is None:
        raise RequestRefused(
            "No settings module was found, so Django cannot be started to make the migration. "
            "Name one in .github/mergewright.yml: `django: {settings: package.settings}`."
        )
    index = ModelsIndex(tree, project.django.python_path)
    return _Settling(facts, tree, project, index).parameters()


class _Settling:
    """One ticket against one tree."""

    def __init__(self, facts: Facts, tree: Tree, project: Project, index: ModelsIndex) -> None:
        self._facts = facts
        self._tree = tree
        self._project = project
        self._index = index
        self._remarks: list[str] = []
        self._questions: list[str] = list(facts.questions)

    def _ask(self, question: str) -> None:
        if question not in self._questions:
            self._questions.append(question)

    def parameters(self) -> Parameters:
        """Settle everything; raise all questions together."""
        for sentence in self._facts.beyond:
            self._ask(
                f"“{sentence}” asks for more than adding one field. "
                "Is it a ticket of its own, or what does it mean here?"
            )
        model = self._model()
        name = self._name(model)
        read = options.read(self._facts, model, self._index)
        for question in read.questions:
            self._ask(question)
        self._remarks += read.remarks
        if model and name and read.target:
            self._relation(model, name, read)
        field = None
        if name and read.type_name:
            field = Field(
                name=name,
                type_name=read.type_name,
                own_type=read.own_type,
                options=read.options,
                target=read.target_label,
            )
        listings = self._listings(model, field, name)
        carriers = self._carriers(model) if model else ()
        test = self._test(model, field, read.existing)
        if self._questions or model is None or field is None:
            raise TicketUnclear(tuple(self._questions))
        return Parameters(
            app_label=model.app.label,
            model=model.name,
            place=Place(path=model.path, class_name=model.name, line=model.line),
            abstract=model.abstract,
            field=field,
            existing=read.existing,
            carriers=carriers,
            listings=listings,
            test=test,
            width=style.line_width(self._tree, self._project.lint_tools),
            remarks=tuple(self._remarks),
        )

    # --- model ------------------------------------------------------------------------------

    def _model(self) -> Model | None:
        statements = self._facts.all("model")
        if not statements:
            known = self._some_models()
            self._ask(f"Which model gets the field? State it as in `app.Model`.{known}")
            return None
        apps = {one.value.lower() for one in self._facts.all("app")}
        found: dict[int, Model] = {}
        unsettled = False
        for statement in statements:
            candidates = self._candidates(statement, apps)
            if candidates is None:
                unsettled = True
            for one in candidates or ():
                found[id(one)] = one
        said = {one.value for one in statements}
        exact = [m for m in found.values() if all(_means(m, text) for text in said)]
        models = exact or list(found.values())
        if unsettled or not models:
            return None
        if len(models) > 1:
            places = ", ".join(sorted(model.where for model in models))
            if exact or len(said) == 1:
                self._ask(f"`{sorted(said)[0]}` may be {places}. Which model gets the field?")
            else:
                self._ask(
                    "The ticket names more than one model: "
                    f"{_listed(statements)}. Which one gets the field?"
                )
            return None
        return self._fit(models[0])

    def _candidates(self, statement: Statement, apps: set[str]) -> list[Model] | None:
        """Models a statement may mean; None after a question or where it is not one here."""
        text = statement.value.strip()
        if not re.fullmatch(r"[A-Za-z_][\w.]*", text):
            self._ask(f"`{text}` is no name of a model. State it as in `app.Model`.")
            return None
        named = [model for model in self._index.models if _means(model, text)]
        exact = [model for model in named if model.name == text.rpartition(".")[2]]
        named = exact or named
        if apps and (chosen := [model for model in named if model.app.label.lower() in apps]):
            named = chosen
        elif apps and named:
            self._ask(
                f"The ticket says app {', '.join(sorted(apps))}, but `{text}` is in "
                f"{', '.join(sorted(model.where for model in named))}. Which is right?"
            )
            return None
        real = [model for model in named if not model.test_only]
        if named:
            return real or named
        self._refuse_unreadable(text.rpartition(".")[2])
        self._refuse_foreign(text)
        self._ask(f"There is no model `{text}` in this repository.{self._near(text)}")
        return None

    def _near(self, text: str) -> str:
        bare = text.rpartition(".")[2]
        real = [model for model in self._index.models if not model.test_only]
        labels = {model.name: model.label for model in real or self._index.models}
        near = field_types.nearest(bare, tuple(labels))
        shown = [labels[name] for name in near]
        broken = sorted(self._index.modules.unreadable)[:3]
        hint = f" ({', '.join(broken)} could not be read as Python.)" if broken else ""
        if shown:
            return f" Nearest: {', '.join(shown)}. Which one is meant?{hint}"
        return f"{self._some_models()}{hint}" or " Which one is meant?"

    def _some_models(self) -> str:
        real = [model.label for model in self._index.models if not model.test_only]
        if not real:
            return " No model was found in this repository."
        more = f" and {len(real) - 8} more" if len(real) > 8 else ""
        return f" Models here: {', '.join(sorted(real)[:8])}{more}."

    def _refuse_unreadable(self, text: str) -> None:
        header = re.compile(rf"^[ \t]*class[ \t]+{re.escape(text)}\b".encode(), re.MULTILINE)
        for path, reason in sorted(self._index.modules.unreadable.items()):
            if header.search(self._index.modules.content(path)):
                raise RequestRefused(
                    f"{path} has a class {text}, but cannot be read as Python: {reason}. "
                    "Repair the file (its encoding, or its syntax), then ask again."
                )

    def _refuse_foreign(self, text: str) -> None:
        label, _, bare = text.rpartition(".")
        contrib = _OF_DJANGO.get(bare.lower())
        if contrib and label.lower() in (
            "",
            contrib.partition(".")[0],
            "django.contrib.auth.models",
        ):
            raise RequestRefused(
                f"{contrib} belongs to Django, not to this repository; its table cannot be changed "
                "from here. Add the field to a model of your own that refers to it."
            )
        pattern = re.compile(
            rf"\bimport\b[^#\n]*\b{re.escape(bare)}\b|\b{re.escape(bare)},".encode()
        )
        for path in self._index.modules.paths:
            if not pattern.search(self._index.modules.content(path)):
                continue
            module = self._index.modules.parse(path)
            target = self._index.modules.resolve(module, bare) if module else None
            if isinstance(target, External) and ".models" in target.dotted:
                raise RequestRefused(
                    f"{bare} comes from the installed package {target.dotted.partition('.')[0]} "
                    f"({target.dotted}, imported in {path}); its table cannot be changed from "
                    "here. Add the field to a model of your own that refers to it."
                )

    def _fit(self, model: Model) -> Model:
        if model.proxy:
            parents = " or ".join(one.label for one in model.parents) or "its parent"
            raise RequestRefused(
                f"{model.where} is a proxy model: it has no table of its own. "
                f"Ask for the field on {parents}."
            )
        if model.meta_flag("managed") is False:
            raise RequestRefused(
                f"{model.where} is unmanaged (`managed = False`): Django does not change its "
                "table, so no migration can add the column. Change the table where it is managed."
            )
        setting = model.meta_text("swappable")
        if setting and (other := self._swapped(setting, model)):
            raise RequestRefused(
                f"{model.where} is swapped for {other} by the setting {setting}, so it has no "
                f"table here. Ask for the field on {other}."
            )
        return model

    def _swapped(self, setting: str, model: Model) -> str | None:
        module_name = self._project.django.settings_module if self._project.django else None
        module = self._index.modules.named(module_name) if module_name else None
        pattern = re.compile(rf"^{re.escape(setting)}\s*=\s*['\"]([\w.]+)['\"]", re.MULTILINE)
        if module is None:
            return None
        text = self._index.modules.content(module.path).decode("utf-8", "replace")
        found = pattern.search(text)
        return found[1] if found and found[1].lower() != model.label.lower() else None

    # --- name -------------------------------------------------------------------------------

    def _name(self, model: Model | None) -> str | None:
        statements = self._facts.all("name")
        said = list(dict.fromkeys(one.value for one in statements))
        if not said:
            self._ask("What is the field called?")
            return None
        if len(said) > 1 or re.search(r"[,;]|\band\b", said[0]):
            several = ", ".join(f"`{one}`" for one in said)
            self._ask(
                f"The ticket names several fields: {several}. One ticket adds one field; which "
                "one is it? Please open a ticket for each other one."
            )
            return None
        name = said[0]
        if problem := names.unfit(name):
            self._ask(problem)
            return None
        if model and (found := names.clash(model, name, self._index)):
            what = "exists already" if found.startswith("a field of") else "is taken"
            self._ask(
                f"The name `{name}` {what} on {model.label}: it is {found}. "
                "What is the new field called?"
            )
        return name

    # --- relation ---------------------------------------------------------------------------

    def _relation(self, model: Model, name: str, read: options.Read) -> None:
        target = read.target
        if target is None or read.type_name is None:
            return
        stated = next((one.value for one in read.options if one.name == "related_name"), None)
        related = stated.text.strip("'\"") if stated else None
        fill = (
            [model]
            if not model.abstract
            else [one for one in self._index.children(model) if not one.abstract and not one.proxy]
        )
        if related and model.abstract and len(fill) > 1 and "%(class)s" not in related:
            if not related.endswith("+"):
                self._ask(
                    f"{model.label} has several children ({', '.join(m.label for m in fill)}), so "
                    f"`related_name` needs `%(class)s` in it. Which related_name is meant?"
                )
            return
        taken = {one.name: one.place for one in names.reverses(target, self._index)}
        for one in (target, *target.ancestors()):
            for own, line in one.names.items():
                taken.setdefault(own, f"{one.name}.{own} ({one.path}:{line})")
        for one in fill:
            relation = names.Relation(one, name, read.type_name, related, one.line)
            for reverse in names.reverse_names(relation):
                if reverse in taken or (target is one and reverse == name):
                    place = taken.get(reverse, f"the field `{name}` itself")
                    self._ask(
                        f"The reverse name `{reverse}` on {target.label} is taken by {place}. "
                        f"Which related_name is `{name}` to have?"
                    )
                    return

    # --- everything else --------------------------------------------------------------------

    def _carriers(self, model: Model) -> tuple[Carrier, ...]:
        if not model.abstract:
            if not self._index.has_migrations(model.app):
                raise RequestRefused(_no_migrations(model.app, self._index))
            return (_carrier(model),)
        children = [
            child
            for child in self._index.children(model)
            if not child.abstract
            and not child.proxy
            and child.meta_flag("managed") is not False
            and not any(
                not above.abstract and model in above.ancestors() for above in child.ancestors()
            )
        ]
        kept = [child for child in children if self._index.has_migrations(child.app)]
        bare = [child for child in children if child not in kept]
        for child in bare:
            if not child.test_only:
                raise RequestRefused(_no_migrations(child.app, self._index))
        if kept:
            labels = ", ".join(child.label for child in kept)
            self._remarks.append(
                f"{model.label} is abstract: its concrete children get the column ({labels})."
            )
        else:
            self._remarks.append(
                f"{model.label} is abstract and has no concrete child with migrations here, "
                "so there is nothing to migrate."
            )
        return tuple(_carrier(child) for child in kept)

    def _listings(
        self, model: Model | None, field: Field | None, name: str | None
    ) -> tuple[Listing, ...]:
        found: list[Listing] = []
        kinds: tuple[companions.Kind, ...] = ("admin", "form", "serializer")
        for kind in kinds:
            said = {one.value for one in self._facts.all(kind)}
            if "no" in said and len(said) > 1:
                self._ask(
                    f"The ticket says both yes and no to the {kind}: "
                    f"{_listed(self._facts.all(kind))}. Which holds?"
                )
                continue
            if not said or said == {"no"} or model is None or name is None:
                continue
            if problem := _unshowable(kind, field):
                self._ask(problem)
                continue
            wanted = sorted(said - {"yes"})
            models: tuple[Model, ...] = (model,)
            if model.abstract:
                models = tuple(m for m in self._index.children(model) if not m.abstract)
            choices: list[str | None] = [*wanted] or [None]
            for one in choices:
                try:
                    found.append(companions.find(kind, models, one, name, self._index))
                except companions.Unsettled as open_question:
                    self._ask(str(open_question))
        return tuple(found)

    def _test(
        self, model: Model | None, field: Field | None, existing: Value | None
    ) -> NewTest | None:
        said = {one.value for one in self._facts.all("test")}
        if len(said) > 1:
            self._ask(
                f"The ticket says both yes and no to a test: {_listed(self._facts.all('test'))}. "
                "Which holds?"
            )
        if said != {"yes"} or model is None or field is None:
            return None
        tested = model
        if model.abstract:
            children = [m for m in self._index.children(model) if not m.abstract and not m.proxy]
            tested = min(children, key=lambda m: (m.test_only, m.path, m.line), default=model)
        try:
            return new_test.plan(tested, field, self._index, self._project)
        except new_test.NoPlace:
            self._ask(
                "The ticket asks for a test, but the repository has none whose style a new one "
                "could follow. Leave the test out, or add a first test file."
            )
        return None


def _means(model: Model, text: str) -> bool:
    before, _, bare = text.rpartition(".")
    if bare.lower() != model.name.lower():
        return False
    if not before:
        return True
    full = model.module.dotted.lower()
    wanted = before.lower()
    return (
        wanted == model.app.label.lower()
        or wanted in (full, model.app.dotted.lower())
        or (
            full.endswith("." + wanted)
            or wanted == f"{model.app.dotted}.models".lower()
            or wanted == f"{model.app.label}.models".lower()
        )
    )


def _listed(statements: list[Statement]) -> str:
    return ", ".join(dict.fromkeys(f"{one.value} ({one.place})" for one in statements))


def _carrier(model: Model) -> Carrier:
    return Carrier(app_label=model.app.label, model=model.name, migrations=model.app.migrations)


def _no_migrations(app: App, index: ModelsIndex) -> str:
    return (
        f"The app {app.label} has no migrations to add to: {index.migrations_state(app)}. Run "
        f"`python manage.py makemigrations {app.label}` on the base branch and commit the result, "
        "then ask again."
    )


def _unshowable(kind: str, field: Field | None) -> str | None:
    if field is None:
        return None
    if kind == "admin" and field.type_name == "ManyToManyField":
        return (
            "Django cannot show a ManyToManyField in list_display. Leave the admin list out, or "
            "ask for a method that shows it in a ticket of its own."
        )
    editable = field.option("editable")
    hidden = (
        (editable and editable.text == "False")
        or field.is_on("auto_now")
        or (field.is_on("auto_now_add"))
    )
    if kind == "form" and hidden:
        return (
            f"`{field.name}` is not editable, so Django refuses it in a form. "
            "Is it to be editable, or left out of the form?"
        )
    return None
