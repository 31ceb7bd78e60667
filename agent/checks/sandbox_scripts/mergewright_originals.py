"""Tell which functions of Django are no longer Django's own.

What is there before any code of the project is imported is held against what is there afterwards:
every function, every class and what it is made of. Where one differs, its answer is that of
whoever replaced it. Runs inside the sandbox, on any Python from 3.9, with the standard library
alone.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import sys
import types

_MODULES = (
    "django.apps",
    "django.core.checks",
    "django.core.management.commands.makemigrations",
    "django.db.migrations",
    "django.db.models",
)
#: By the type of what is around a function: where the function is.
_INNER = {
    staticmethod: "__func__",
    classmethod: "__func__",
    types.MethodType: "__func__",
    property: "fget",
    functools.partialmethod: "func",
    functools.cached_property: "func",
    type(functools.lru_cache(len)): "__wrapped__",
}


def take_digests():
    for name in _MODULES:
        importlib.import_module(name)
    return _parts()


def find_replaced(own):
    """Name the parts that differ from the first digests, each with a digest of its own."""
    owners, parts = {*own, *(name.rpartition(".")[0] for name in own)}, _parts()
    return sorted(
        # In the place of a function may stand what is none.
        "%s (%s)" % (name, parts.get(name, "no function"))
        for name in {*own, *parts}
        # What else the project brings in has no owner among them.
        if own.get(name) != parts.get(name) and name.rpartition(".")[0] in owners
    )


def _parts():
    parts = {}
    for name, module in sorted(sys.modules.items()):
        if module is not None and name.startswith(_MODULES):
            for key, value in list(vars(module).items()):
                full = "%s.%s" % (name, key)
                # Not by isinstance, which asks Django's lazy objects, and those the settings.
                if issubclass(type(value), type) and value.__module__ == name:
                    _add_all(parts, full, vars(value))
                if type(value).__module__.startswith(_MODULES):
                    _add_all(parts, full, getattr(value, "__dict__", {}))
                    _add(parts, full, type(value))
                else:
                    _add(parts, full, value)
    return parts


def _add_all(parts, owner, members):
    for key, value in list(members.items()):
        _add(parts, "%s.%s" % (owner, key), value)


def _add(parts, name, value):
    while type(value) in _INNER:
        value = getattr(value, _INNER[type(value)])
    if type(value) is types.FunctionType:
        parts[name] = _digest(value.__code__)
    elif issubclass(type(value), type):
        lineage = ["%s.%s" % (one.__module__, one.__qualname__) for one in value.__mro__]
        parts[name] = hashlib.sha256(" ".join(lineage).encode()).hexdigest()[:12]


def _digest(code):
    total = hashlib.sha256()
    waiting = [code]
    while waiting:
        one = waiting.pop()
        waiting += [const for const in one.co_consts if isinstance(const, types.CodeType)]
        plain = [
            sorted(map(repr, const)) if isinstance(const, frozenset) else const
            for const in one.co_consts
            if not isinstance(const, types.CodeType)
        ]
        total.update(one.co_code + repr((one.co_names, plain)).encode("utf-8", "replace"))
    return total.hexdigest()[:12]
