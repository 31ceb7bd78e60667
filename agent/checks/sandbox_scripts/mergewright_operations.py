"""List what migrations do, as Django loads them: what is by hand, and what they use."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys

import mergewright_code
import mergewright_report
from mergewright_application import list_code, make_fact

#: What of a migration Django writes itself, or only says which one comes first.
_ATTRIBUTES = frozenset({"initial", "dependencies", "operations", "run_before"})
#: What Python calls for a class or an import, and Django writes for a regular expression.
_NO_CALLS = frozenset({"__build_class__", "__import__", "__init__", "__new__", "compile"})


def list_migrations(tree, switch_on):
    """Yield the facts of each migration of the tree; their paths are their names.

    Args:
        switch_on: Undoes settings by which Django would not load them.
    """
    from django.db.migrations.loader import MigrationLoader

    calls, earlier = {}, {*sys.modules}
    with _watch_calls(calls):
        switch_on()
        loader = MigrationLoader(None, load=False, ignore_no_migrations=True)
        loader.load_disk()
    for (label, name), migration in loader.disk_migrations.items():
        called = "%s.%s" % (loader.migrations_module(label)[0], name)
        file = sys.modules[called].__file__
        path = mergewright_report.relative_path(file, tree)
        if not path or "/site-packages/" in path:
            continue
        yield make_fact("migration", path)
        said = [*_describe_class(type(migration)), *sorted(calls.get(file, ()))]
        said += ["is imported by other code than Django's"] if called in earlier else []
        for operation in migration.operations:
            if words := _explain_operation(operation):
                said.append(words)
            else:
                text = "%s: %s" % (type(operation).__name__, operation.describe())
                yield make_fact("operation", path, text)
        for one in said:
            yield make_fact("by hand", path, one)
        roots = [*type(migration).__bases__, *_list_used(migration.operations)]
        for fact in list_code(roots, tree, path, (called,)):
            if not fact["name"].startswith(called + "."):
                yield fact


@contextlib.contextmanager
def _watch_calls(calls):
    """Note, by file, what of others than Django a module or a class calls as it is loaded."""
    import django

    known = os.path.dirname(django.__file__) + os.sep, "<"

    def note(frame, event, called):
        if event not in ("call", "c_call"):
            return
        caller, code = (frame.f_back, frame.f_code) if event == "call" else (frame, None)
        if caller is None or caller.f_code.co_flags & inspect.CO_OPTIMIZED:
            return
        name = code.co_name if code else called.__name__
        # A field is made, or a class or a comprehension of the migration itself is run.
        is_own = code and (name.startswith("<") or not code.co_flags & inspect.CO_OPTIMIZED)
        if not (is_own or name in _NO_CALLS or (code and code.co_filename.startswith(known))):
            said = "calls %s when it is loaded" % name
            calls.setdefault(caller.f_code.co_filename, set()).add(said)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def _describe_class(made):
    from django.db.migrations import Migration

    if made.__bases__ != (Migration,):
        names = (".".join(mergewright_code.name_object(base)) for base in made.__bases__)
        yield "inherits from %s" % ", ".join(names)
    # Django refuses these in a transaction.
    stand_alone = made.operations and all(
        type(one).__name__.endswith("Concurrently") for one in made.operations
    )
    for name in vars(made):
        if not (name.startswith("__") or name in _ATTRIBUTES or (name == "atomic" and stand_alone)):
            yield "has more than operations: %s" % name


def _explain_operation(operation):
    """Say why an operation is by hand; "": it is one of Django's on tables."""
    from django.db.migrations.operations.fields import FieldOperation
    from django.db.migrations.operations.models import IndexOperation, ModelOperation

    is_djangos = type(operation).__module__.startswith("django.")
    if is_djangos and isinstance(operation, (FieldOperation, IndexOperation, ModelOperation)):
        return ""
    name = type(operation).__name__ if is_djangos else "a custom operation"
    return "has %s%s" % (name, "" if operation.reversible else ", which cannot be reversed")


def _list_used(value):
    """Yield the functions, classes and objects that operations name."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _list_used(one)
    elif hasattr(value, "deconstruct") and not isinstance(value, type):
        yield type(value)
        with contextlib.suppress(Exception):  # what it takes may be of any kind
            yield from _list_used(value.deconstruct()[-2:])
    elif callable(value):
        yield value
