"""Look into a Django project from outside: its models, and what a migration really does.

Run by the project's own interpreter as `ask_django.py models|migration REQUEST`; knows nothing of
the product. The answer goes to a file, because projects print what they like.
"""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import json
import os
import sys
import uuid
from pathlib import Path

sys.path.pop(0)  # the folder of this script
request = json.loads(sys.argv[2])

from django.conf import settings  # noqa: E402

settings.DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": request["database"]}
}

import django  # noqa: E402

django.setup()

from django.apps import apps  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402

SAMPLES = {
    "BooleanField": True,
    "DateField": dt.date(2020, 2, 29),
    "DateTimeField": dt.datetime(2020, 2, 29, tzinfo=dt.UTC if settings.USE_TZ else None),
    "TimeField": dt.time(1, 2),
    "DurationField": dt.timedelta(1),
    "UUIDField": uuid.UUID(int=1),
    "GenericIPAddressField": "192.0.2.1",
    "JSONField": {},
    "BinaryField": b"x",
}


def models():
    """Every concrete model of the project's own packages that migrations keep."""
    from django.contrib import admin

    loader = MigrationExecutor(connection).loader
    found = []
    for model in apps.get_models():
        meta = model._meta
        module = model.__module__
        if (
            module.partition(".")[0] not in request["packages"]
            or "test" in module
            or meta.app_label not in loader.migrated_apps
            or meta.proxy
            or not meta.managed
            or meta.swapped
        ):
            continue
        registered = admin.site._registry.get(model)
        own_admin = registered is not None and type(registered) is not admin.ModelAdmin
        migrations = importlib.import_module(
            f"{apps.get_app_config(meta.app_label).name}.migrations"
        )
        found.append(
            {
                "app": meta.app_label,
                "name": model.__name__,
                "file": in_tree(inspect.getfile(model)),
                "migrations": in_tree(os.path.dirname(migrations.__file__)),
                "latest": latest(loader, meta.app_label),
                "admin_file": in_tree(inspect.getfile(type(registered))) if own_admin else None,
                "fields": [field.name for field in meta.get_fields()],
            }
        )
    return found


def migration():
    """Fill the table, migrate forth and back, and say what became of table, row and state."""
    from django.contrib import admin

    app, name, field = request["app"], request["model"], request["field"]
    model = apps.get_model(app, name)
    executor = MigrationExecutor(connection)
    whole = executor.loader.graph.leaf_nodes()
    before = [(app, request["previous"]) if node[0] == app else node for node in whole]
    executor.migrate(before)
    state = executor.loader.project_state(before).apps
    row = filled(state.get_model(app, name), state)
    answer = {"columns_before": columns(model)}

    executor = MigrationExecutor(connection)
    executor.migrate(whole)
    state = executor.loader.project_state(whole).apps
    kept = state.get_model(app, name)._base_manager.get(pk=row)
    answer["columns_after"] = columns(model)
    answer["value"] = str(getattr(kept, field))
    connection.check_constraints()

    real = model._meta.get_field(field)
    answer["type"] = type(real).__name__
    answer["column"] = real.column
    answer["target"] = real.related_model and real.related_model._meta.label
    answer["on_delete"] = real.remote_field and real.remote_field.on_delete.__name__
    answer["options"] = {option: repr(getattr(real, option)) for option in request["options"]}
    registered = admin.site._registry.get(model)
    answer["list_display"] = [str(one) for one in registered.list_display] if registered else []
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=2)
        answer["pending"] = False
    except SystemExit:
        answer["pending"] = True

    executor = MigrationExecutor(connection)
    executor.migrate(before)
    answer["columns_back"] = columns(model)
    return answer


def latest(loader, app):
    (node,) = [node for node in loader.graph.leaf_nodes() if node[0] == app]
    return node[1]


def in_tree(path):
    return os.path.relpath(os.path.realpath(path), os.path.realpath(os.getcwd()))


def columns(model):
    with connection.cursor() as cursor:
        table = connection.introspection.get_table_description(cursor, model._meta.db_table)
    return [column.name for column in table]


def filled(model, state, above=()):
    """Put one row into a table, and into those that it cannot do without; return its key."""
    values = {}
    for field in model._meta.concrete_fields:
        if field.null or getattr(field, "auto_created", False):
            continue
        # A default of a relation looks for a row that may not be there.
        if field.has_default() and not field.is_relation:
            continue
        if field.is_relation:
            target = field.related_model
            assert target not in above, f"{target} needs itself"
            present = target._base_manager.first()
            key = present.pk if present else filled(target, state, (*above, model))
            values[field.attname] = key
        elif field.get_internal_type() not in ("AutoField", "BigAutoField", "SmallAutoField"):
            values[field.attname] = sample(field)
    return model._base_manager.create(**values).pk


def sample(field):
    kind = field.get_internal_type()
    if field.choices:
        return field.flatchoices[0][0]
    return SAMPLES.get(kind, 1 if "Integer" in kind or kind in NUMBERS else "x")


NUMBERS = ("FloatField", "DecimalField")

if __name__ == "__main__":
    answered = {"models": models, "migration": migration}[sys.argv[1]]()
    Path(request["answer"]).write_text(json.dumps(answered))
