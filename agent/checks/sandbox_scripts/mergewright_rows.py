"""Apply new migrations to a test database with rows, and say what became of rows and columns.

The migrations before them run first, as where tests begin. Then each table gets rows where it can:
one with a value in each column, one with as few as may be, and one like the first. Bounds of
columns are compared as Django's own state has them: SQLite does not enforce them.
"""

from __future__ import annotations

import mergewright_report

_ROWS = (1, 2, 1)


def try_migrations(paths, tree):
    """Yield the path of a migration and what is wrong with it, of each one that is new.

    Args:
        paths: Of the new ones, relative to the tree.

    Raises:
        Exception: There is no such database, or the earlier migrations do not run.
    """
    import sys

    from django.apps import apps
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    _make_database(connection)
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    new, earlier = {}, []
    for step in executor.migration_plan(leaves):
        module = sys.modules[type(step[0]).__module__]
        path = mergewright_report.relative_path(module.__file__, tree)
        if path in paths:
            new[path] = step
        else:
            earlier.append(step)
    for path in paths:
        if path not in new:
            yield path, "is not among the migrations that Django runs"
    state = executor.migrate(leaves, plan=earlier)
    rows = _Rows(connection)
    for model in _list_models(connection, state):
        rows.get(model)
    types = _list_types(state.apps, connection)
    for path, step in new.items():
        before, had = state.clone(), _read_rows(connection, state)
        try:
            state = executor.migrate(leaves, plan=[step], state=state)
        except Exception as problem:
            said = mergewright_report.describe_exception(type(problem), problem)
            yield path, "fails on tables with rows: %s" % said
            return
        for said in (*_compare(had, _read_rows(connection, state)), *_find_narrowed(before, state)):
            yield path, said
    now, wanted = (_list_types(registry, connection) for registry in (state.apps, apps))
    for said in _find_other_types(types, now, wanted):
        yield path, said


def _make_database(connection):
    """Make an empty test database: the command that would fill it is left out."""
    from django.core import management

    command = management.call_command
    management.call_command = lambda *args, **options: None
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        management.call_command = command


class _Rows:
    """Rows of each table, as far as they can be made."""

    def __init__(self, connection):
        self._connection = connection
        self._made = {}

    def get(self, model):
        """Return the rows of a model; of one that is being made, none."""
        if model not in self._made:
            self._made[model] = []
            # Earlier migrations may have filled it.
            made = self._made[model] = self._try(
                lambda: [*model._base_manager.all()[: len(_ROWS)]], []
            )
            for number in _ROWS[len(made) :]:
                row = self._try(lambda number=number: self._make(model, number), None)
                made += [row] if row else []
        return self._made[model]

    def _try(self, work, otherwise):
        from django.db import transaction

        try:
            with transaction.atomic(using=self._connection.alias):
                return work()
        except Exception:
            return otherwise

    def _make(self, model, number):
        values = {}
        for field in model._meta.concrete_fields:
            is_link = field.remote_field and getattr(field.remote_field, "parent_link", False)
            if is_link or (field.primary_key and field.get_internal_type().endswith("AutoField")):
                continue
            # A field that makes its own values may rely on their being different.
            makes_own = field.has_default() and callable(field.default)
            if (number == 1 and not makes_own) or not (field.null or field.has_default()):
                values[field.name] = self._choose(field, number)
            elif field.null and number != 1:
                values[field.name] = None
        return model._base_manager.create(**values)

    def _choose(self, field, number):
        """Return the first value that a field takes; None where there is none."""
        if field.remote_field:
            rows = self.get(field.remote_field.model)
            return rows[min(number, len(rows)) - 1] if rows else None
        chosen = [value for value, _ in field.flatchoices or ()][:1]
        text, day, address = str(number), "2001-01-0%d" % number, "127.0.0.%d" % number
        others = (day, number, True, "12:00", address, {}, [number], [text], b"1")
        ways = (lambda value: field.clean(value, None)), field.to_python
        tries = ((way, value) for way in ways for value in (*chosen, text, *others))
        taken = (self._try(lambda one=one: self._convert(field, *one), None) for one in tries)
        return next((value for value in taken if value is not None), None)

    def _convert(self, field, way, value):
        python = way(value)
        field.get_db_prep_save(python, self._connection)
        return python


def _read_rows(connection, state):
    """Return the rows in the table of each model, and which columns are not as in the state."""
    rows, wrong = {}, set()
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in _list_models(connection, state):
            table = model._meta.db_table
            if table not in tables:
                wrong.add("leaves no table %s" % table)
                continue
            rows[table] = model._base_manager.count()
            described = connection.introspection.get_table_description(cursor, table)
            found = {column.name for column in described}
            wanted = {field.column for field in model._meta.local_concrete_fields}
            wrong |= {"leaves %s without the column %s" % (table, one) for one in wanted - found}
            more = "leaves the column %s in %s, which its model lacks"
            wrong |= {more % (one, table) for one in found - wanted}
    return rows, wrong


def _list_models(connection, state):
    """List the models that have their tables in this database, and by migrations."""
    from django.db import router

    every = state.apps.get_models(include_auto_created=True)
    ours = (model for model in every if router.allow_migrate_model(connection.alias, model))
    return [model for model in ours if model._meta.can_migrate(connection)]


def _compare(had, has):
    (before, wrong), (after, now) = had, has
    for table in sorted(before.keys() & after.keys()):
        if after[table] != before[table]:
            yield "leaves %d of %d rows in %s" % (after[table], before[table], table)
    yield from sorted(now - wrong)


def _find_narrowed(before, after):
    """Yield, in words, which columns accept less than they did, or something else."""
    for label in sorted(before.models.keys() & after.models.keys()):
        sides = [side.apps.get_model(*label)._meta for side in (before, after)]
        # Before Django 3.1 these are pairs.
        names = [dict(side.models[label].fields).keys() for side in (before, after)]
        for name in sorted(names[0] & names[1]):
            was, now = [side.get_field(name) for side in sides]
            place = "%s of %s" % (name, label[1])
            sizes = _measure(now)
            for what, old in _describe(was).items():
                new = _describe(now)[what]
                is_same = old == new or (what == "type" and _holds_as_much(was, now))
                # A renamed column is not there any more.
                is_there = what != "target" or tuple(str(old).split(".")) in after.models
                if None not in (old, new) and is_there and not is_same:
                    yield "changes the %s of %s from %s to %s" % (what, place, old, new)
            for bound, size in _measure(was).items():
                if None not in (size, sizes[bound]) and sizes[bound] < size:
                    yield "decreases %s of %s from %s to %s" % (bound, place, size, sizes[bound])


def _describe(field):
    target = field.related_model
    return {
        "type": type(field).__name__ if _converts(field) else field.get_internal_type(),
        "column": field.column,
        "target": target and target._meta.label_lower,
    }


def _measure(field):
    names = ("max_length", "max_digits", "decimal_places")
    length, digits, places = (getattr(field, name, None) for name in names)
    whole = None if None in (digits, places) else digits - places
    return {"max_length": length, "decimal_places": places, "digits before the point": whole}


def _converts(field):
    """Whether its class reads the column in its own way."""
    return hasattr(field, "from_db_value")


def _holds_as_much(was, now):
    """Whether a column of another type takes every value, and gives it back; bounds apart."""
    from django.db import models
    from django.db.backends.base.operations import BaseDatabaseOperations

    known = BaseDatabaseOperations.integer_field_ranges
    ranges = [known.get(field.get_internal_type()) for field in (was, now)]
    if None not in ranges:
        return ranges[1][0] <= ranges[0][0] and ranges[0][1] <= ranges[1][1]
    if _converts(was) or _converts(now):
        return False
    return isinstance(was, models.CharField) and isinstance(
        now, (models.CharField, models.TextField)
    )


def _list_types(registry, connection):
    """Return the type of each column, by model and field."""
    return {
        (model._meta.label_lower, field.name): field.db_type(connection)
        for model in registry.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
    }


def _find_other_types(before, after, wanted):
    """Yield, in words, which columns become another type than the fields of their models have.

    Fields say themselves what migrations know of them.
    """
    for key in sorted(after.keys() & wanted.keys()):
        if after[key] not in (before.get(key), wanted[key]):
            words = (key[1], key[0].split(".")[1], after[key], wanted[key])
            yield "gives %s of %s the type %s, but its field needs %s" % words
