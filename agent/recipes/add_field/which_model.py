"""Which model a ticket means, and whether a field can be added to it."""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.errors import RequestRefused
from agent.recipes.add_field import field_types
from agent.recipes.add_field.facts import Facts, Statement
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.modules import External

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


class WhichModel:
    """One ticket's model among those of the tree."""

    def __init__(
        self,
        facts: Facts,
        index: ModelsIndex,
        settings_module: str | None,
        ask: Callable[[str], None],
    ) -> None:
        self._facts = facts
        self._index = index
        self._settings_module = settings_module
        self._ask = ask

    def find(self) -> Model | None:
        """The model; questions are asked where it is not certain."""
        statements = self._facts.all("model")
        if not statements:
            self._ask(
                f"Which model gets the field? State it as in `app.Model`.{self._some_models()}"
            )
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
                self._ask(f"`{min(said)}` may be {places}. Which model gets the field?")
            else:
                self._ask(
                    "The ticket names more than one model: "
                    f"{listed(statements)}. Which one gets the field?"
                )
            return None
        self._hold_against_weak(models[0], statements)
        return self._fit(models[0])

    def _hold_against_weak(self, model: Model, statements: list[Statement]) -> None:
        """A title that names another model of the repository contradicts the text."""
        others = [
            one
            for one in self._facts.weak("model")
            if not _means(model, one.value)
            and model not in of_plural(one.value, self._index)
            and (
                any(_means(other, one.value) for other in self._index.models)
                or of_plural(one.value, self._index)
            )
        ]
        if others:
            self._ask(
                "The ticket names more than one model: "
                f"{listed([*statements, *others])}. Which one gets the field?"
            )

    def _candidates(self, statement: Statement, apps: set[str]) -> list[Model] | None:
        """Models a statement may mean; None after a question or where it is not one here."""
        text = statement.value.strip()
        if not re.fullmatch(r"[A-Za-z_][\w.]*", text):
            self._ask(f"`{text}` is no name of a model. State it as in `app.Model`.")
            return None
        named = [model for model in self._index.models if _means(model, text)]
        exact = [model for model in named if model.name == text.rpartition(".")[2]]
        named = exact or named or of_plural(text, self._index)
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
        name = self._settings_module
        module = self._index.modules.named(name) if name else None
        pattern = re.compile(rf"^{re.escape(setting)}\s*=\s*['\"]([\w.]+)['\"]", re.MULTILINE)
        if module is None:
            return None
        text = self._index.modules.content(module.path).decode("utf-8", "replace")
        found = pattern.search(text)
        return found[1] if found and found[1].lower() != model.label.lower() else None


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


def of_plural(text: str, index: ModelsIndex) -> list[Model]:
    """The one model of which a text is the plural; empty where there is none, or several."""
    before, _, bare = text.rpartition(".")
    ways = singulars(bare)
    found = [
        model
        for model in index.models
        if any(_means(model, f"{before}.{one}" if before else one) for one in ways)
    ]
    real = [model for model in found if not model.test_only] or found
    return real if len(real) == 1 else []


def singulars(word: str) -> list[str]:
    """What a word may be the plural of."""
    lower = word.lower()
    found = [word[:-1]] if lower.endswith("s") and not lower.endswith("ss") else []
    found += [word[:-2]] if re.search(r"(?:s|x|z|ch|sh|o)es$", lower) else []
    found += [f"{word[:-3]}y"] if lower.endswith("ies") else []
    return [one for one in found if one]


def listed(statements: list[Statement]) -> str:
    """Values with the places where they are said."""
    return ", ".join(dict.fromkeys(f"{one.value} ({one.place})" for one in statements))
