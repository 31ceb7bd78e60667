"""Whether a field may have a certain name on a certain model, as far as code shows it."""

from __future__ import annotations

import keyword

from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex


def find_problem(model: Model | None, name: str, index: ModelsIndex) -> str:
    """Say why the model cannot get a field of this name; empty where nothing shows.

    What installed packages and reverse names take is found by Django's own checks.
    """
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        return f"`{name}` is no name that Python code could use"
    if name.endswith("_") or "__" in name or name in ("pk", "id"):
        return f"`{name}` is a name that Django does not allow"
    for one in (model, *model.ancestors(), *index.children(model)) if model else ():
        for taken in (name, f"{name}_id"):
            if taken in one.names:
                return f"`{name}` is taken by {one.name}.{taken} ({one.path}:{one.names[taken]})"
        owner = name.removesuffix("_id")
        if owner != name and owner in one.fields:
            return f"`{name}` is the column of {one.name}.{owner}"
    return ""
