"""Turn stated facts into settled parameters: each proved by the code, all doubts asked at once."""

from __future__ import annotations

import re

from agent.domain import Ticket
from agent.errors import RequestRefused, TicketUnclear
from agent.recipes import style
from agent.recipes.add_field import (
    companions,
    facts,
    names,
    new_test_place,
    options,
    questions,
    understanding,
    which_model,
)
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.model_classes import App, Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import (
    Carrier,
    Field,
    Listing,
    NewTest,
    Parameters,
    Place,
)
from repo_config.detect import Project, Tree

#: A ticket that this recipe carries out, for people who have not written one yet.
EXAMPLE = "Add a CharField `nickname` to `shop.Customer` with max_length=50, blank=True"


def settle(ticket: Ticket, tree: Tree, project: Project) -> Parameters:
    """Settle every fact, or ask for all that is open in one list.

    Raises:
        TicketUnclear: With every question.
        RequestRefused: The ticket asks for what cannot be done.
    """
    index = _models(tree, project)
    stated = facts.read(ticket)
    settling = _Settling(stated, tree, project, index)
    parameters = settling.parameters()
    if parameters is None:
        raise TicketUnclear(settling.questions, settling.fill_form())
    return parameters


def _models(tree: Tree, project: Project) -> ModelsIndex:
    if project.django is None:
        raise RequestRefused(
            "This repository is not a Django project, so there is no model to add a field to. "
            "If it is one, say so with `framework: django` in .github/mergewright.yml."
        )
    if project.django.missing:
        raise RequestRefused(project.django.missing)
    return ModelsIndex(tree, project.django.python_path)


class _Settling:
    """One ticket against one tree."""

    def __init__(self, facts: Facts, tree: Tree, project: Project, index: ModelsIndex) -> None:
        self._facts = facts
        self._tree = tree
        self._project = project
        self._index = index
        self._understood: tuple[Model | None, str | None, options.Read] = (
            None,
            None,
            options.Read(),
        )
        self._remarks: list[str] = []
        self._questions: list[str] = list(facts.questions)

    @property
    def questions(self) -> tuple[str, ...]:
        """Everything that is open."""
        return tuple(self._questions)

    def fill_form(self) -> str:
        """Write the form as far as it is understood; empty where the field is not wanted."""
        if any(questions.denies_the_field(doubt) for doubt in self._facts.doubts):
            return ""  # nobody is to be handed the opposite of what was said
        return understanding.fill_form(*self._understood, self._facts)

    def _ask(self, question: str) -> None:
        if question not in self._questions:
            self._questions.append(question)

    def parameters(self) -> Parameters | None:
        """Settle everything; None where there are questions."""
        for question in questions.about_sentences(self._facts):
            self._ask(question)
        settings = self._project.django.settings_module if self._project.django else None
        model = which_model.WhichModel(self._facts, self._index, settings, self._ask).find()
        if model and (other := questions.other_model(self._facts, model.name, self._index)):
            self._ask(other)
        name = self._name(model)
        read = options.read(self._facts, model, self._index)
        for question in read.questions:
            self._ask(question)
        if question := understanding.ask_for_choices(self._facts):
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
        test = self._test(model, field)
        self._understood = (model, name, read)
        if self._questions or model is None or field is None:
            return None
        if passed := questions.about_background(self._facts):
            self._remarks.append(passed)
        shape = style.of(self._tree, self._project)
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
            width=shape.width,
            formatters=shape.formatters,
            one_per_line=shape.one_per_line,
            remarks=tuple(self._remarks),
        )

    # --- name -------------------------------------------------------------------------------

    def _name(self, model: Model | None) -> str | None:
        statements = self._facts.all("name")
        # Of two spellings the last one is that of the text, not of the title.
        said = list({names.spelt(one.value): one.value for one in statements}.values())
        said += [
            one.value
            for one in self._facts.weak("name")
            if said and one.value not in said and not names.alike(one.value, said[0])
        ]
        if not said:
            suggested = understanding.suggest_name(self._facts)
            hint = f" Would `{suggested}` do?" if suggested else ""
            self._ask(f"What is the field called?{hint}")
            return None
        if len(said) > 1 or re.search(r"[,;]|\band\b", said[0]):
            several = ", ".join(f"`{one}`" for one in said)
            self._ask(
                f"The ticket names several fields: {several}. One ticket adds one field; which "
                "one is it? Please open a ticket for each other one."
            )
            return None
        name = said[0]
        if all(one.doubtful for one in statements):
            return name  # the sentence is asked about
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
        kinds: tuple[companions.Kind, ...] = ("admin", "filter", "form", "serializer")
        for kind in kinds:
            said = {one.value for one in self._facts.all(kind)}
            if "no" in said and len(said) > 1:
                self._ask(
                    f"The ticket says both yes and no to the {kind}: "
                    f"{which_model.listed(self._facts.all(kind))}. Which holds?"
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
                except companions.UnsettledError as open_question:
                    self._ask(str(open_question))
        return tuple(found)

    def _test(self, model: Model | None, field: Field | None) -> NewTest | None:
        said = {one.value for one in self._facts.all("test")}
        if len(said) > 1:
            self._ask(
                "The ticket says both yes and no to a test: "
                f"{which_model.listed(self._facts.all('test'))}. Which holds?"
            )
        if said != {"yes"} or model is None or field is None:
            return None
        tested = model
        if model.abstract:
            children = [m for m in self._index.children(model) if not m.abstract and not m.proxy]
            tested = min(children, key=lambda m: (m.test_only, m.path, m.line), default=model)
        try:
            return new_test_place.plan(tested, field, self._index, self._project)
        except new_test_place.NoPlaceError:
            self._ask(
                "The ticket asks for a test, but the repository has none whose style a new one "
                "could follow. Leave the test out, or add a first test file."
            )
        return None


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
