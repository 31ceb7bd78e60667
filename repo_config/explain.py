"""Turn what the models say about a configuration into words: what is wrong, where, the way out.

One problem for each value that is wrong. Which values are wrong is decided by `schema`.
"""

from __future__ import annotations

import difflib
import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from repo_config import reference
from repo_config.located import (
    Located,
    Path,
    Problem,
    dotted,
    format_excerpt,
    problem_at,
    resolve_path,
)
from repo_config.values import WRONG_FORM

#: What pydantic's location of a wrong key of a mapping ends with.
_KEY = "[key]"


def problems(error: ValidationError, root: Located, name: str) -> list[Problem]:
    """One problem for each value that is wrong; alternatives of a union count as one."""
    by_path: dict[tuple[Path, bool], tuple[Located, Any]] = {}
    for detail in error.errors(include_url=False):
        path, located = resolve_path(detail["loc"], root)
        by_path.setdefault((path, detail["loc"][-1:] == (_KEY,)), (located, detail))
    above = {path[:depth] for path, _ in by_path for depth in range(len(path))}
    found = []
    for (path, _), (located, detail) in by_path.items():
        if path in above:
            continue  # the alternative of a union that got further names the place
        if detail["type"] == "extra_forbidden":
            found.append(_unknown_key(path, located, name))
        elif detail["type"] == "missing":
            found.append(_missing_key(path, located, detail, name))
        elif detail["type"] == WRONG_FORM:
            found.append(_wrong_form(path, located, detail, name))
        else:
            found.append(_wrong_value(path, located, name))
    return found


def _unknown_key(path: Path, located: Located, name: str) -> Problem:
    key, parent = str(path[-1]), path[:-1]
    known = reference.keys_at(parent)
    homes = [
        f"under {dotted(where)}" if where else "at the top level"
        for where, section in reference.sections()
        if where != parent and key in section.model_fields
    ]
    near = find_nearest(key, known)
    fixes = [f"Did you mean {near[0]}?"] if near else []
    fixes += [f"{key} belongs {' or '.join(homes)}"] if homes else []
    fix = " ".join(fixes) or f"Known keys here: {', '.join(known)}"
    where = f" in {dotted(parent)}" if parent else ""
    return problem_at(name, located.key_at, path, f"unknown key {format_excerpt(key)}{where}", fix)


def _missing_key(path: Path, located: Located, detail: Any, name: str) -> Problem:
    key = str(detail["loc"][-1])
    parent = path[:-1] if path[-1:] == (key,) else path
    form = reference.words(reference.form_at((*parent, key)))
    message = f"{dotted(parent)}: the key {key} is missing"
    return problem_at(name, located.place, parent, message, f"Add {key}: {form}")


def find_nearest(key: str, known: tuple[str, ...]) -> list[str]:
    """Return the known key that was probably meant, if there is one."""
    asked = key.lower().replace("-", "_")
    begun = [one for one in known if len(one) > 2 and asked.startswith(one)]
    return difflib.get_close_matches(asked, known, 1) or begun[:1]


def _wrong_form(path: Path, located: Located, detail: Any, name: str) -> Problem:
    context = detail["ctx"]
    stands = located.words()
    at = located.at
    if detail["loc"][-1:] == (_KEY,):
        at, stands = located.key_at, format_excerpt(str(path[-1]))
    message = f"{dotted(path)}: {context['message']}: {stands}"
    return problem_at(name, at, path, message, _sentence(context["fix"]))


def _wrong_value(path: Path, located: Located, name: str) -> Problem:
    form = reference.form_at(path)
    message = f"{dotted(path)}: expected {reference.words(form)}; found {located.words()}"
    if isinstance(located.value, float) and str(located.value) != located.written:
        message += f" (without quotes it is {located.value})"
    at = located.place if located.value is not None else located.key_at
    return problem_at(name, at, path, message, _sentence(_way_out(path, form, located)))


def _way_out(path: Path, form: Any, located: Located) -> str:
    """Say which other way to write the value would be right, or what is."""
    if located.value is None:
        return "give a value, or remove the line"
    if keys := ", ".join(reference.keys_at(path)):
        return f"write keys below it: {keys}"
    written = located.value if isinstance(located.value, str) else located.written
    if near := difflib.get_close_matches(written.lower(), reference.choices(form), 1):
        return f"did you mean {near[0]}?"
    quoted = _quote(written) if len(written) < 80 else "it"
    others: list[tuple[object, str]] = [(written, f"{quoted} in quotes")]
    others.append(((written,), f"a list: [{quoted}]"))
    if written.isdecimal() and len(written) < 20:
        others.append((int(written), f"{written} without quotes"))
    for value, text in others:
        try:
            TypeAdapter(form).validate_python(value, strict=True)
        except ValidationError as error:
            details = error.errors(include_url=False)
            if fix := next((one["ctx"]["fix"] for one in details if one["type"] == WRONG_FORM), ""):
                return str(fix)
        else:
            return f"write {text}"
    return f"write {reference.words(form)}"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else format_excerpt(text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
