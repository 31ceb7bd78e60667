"""Runs in the room: let Django make the migrations of one app, for all that its models changed.

As `make_migration.py`, whose parts it uses, but for no single field: every change of the app's
models is taken, and every question of Django's is a problem, since nobody is there to answer.

Usage: make_migrations.py REQUEST        (JSON; see `agent/editing/migrating.py`)
"""

import os
import sys

import make_migration as parts


def make(request, report, root):
    """Find the app, run makemigrations for it alone."""
    from django.db.migrations.loader import MigrationLoader

    label = label_of(request["folder"], root)
    report["switched_off"] = parts.switch_migrations_on([label])
    module = MigrationLoader.migrations_module(label)[0]
    begun = parts.is_there(module)
    if begun:
        parts.check_migrations_module(label, root)
    before = set(parts.migration_files([label])) if begun else set()
    with parts.without_gate_tools():
        parts.call_makemigrations([label], questioner_class(), detector_from(label))
    if parts.is_there(module):
        new = sorted(set(parts.migration_files([label])) - before)
        files = [os.path.relpath(path, root) for path in new]
        parts.format_files(request["formatters"], files, root)


def label_of(folder, root):
    """The label of the app in a folder."""
    from django.apps import apps

    place = os.path.realpath(os.path.join(root, folder))
    inside = os.path.realpath(root) + os.sep
    own = []
    for config in apps.get_app_configs():
        path = os.path.realpath(config.path)
        if path == place:
            return config.label
        if path.startswith(inside):
            own.append(os.path.relpath(path, root))
    raise parts.Problem(
        "%s is no installed app; there are %s" % (folder, ", ".join(sorted(own)) or "none")
    )


def questioner_class():
    """A questioner that has no answers: what Django asks, the code has to say."""

    class Questioner(parts.plain_questioner()):
        def ask_not_null_addition(self, field_name, model_name):
            raise parts.Problem(
                "Django asks which value existing rows of %s get for %s: give it a default or"
                " null=True" % (model_name, field_name)
            )

        def ask_not_null_alteration(self, field_name, model_name):
            return self.ask_not_null_addition(field_name, model_name)

        def ask_initial(self, app_label):
            return True

    return Questioner


def detector_from(label):
    """Django's detector, which may find changes of one app alone."""

    def made(base):
        class Detector(base):
            def changes(self, *args, **kwargs):
                found = super().changes(*args, **kwargs)
                if others := sorted(set(found) - {label}):
                    raise parts.Problem(
                        "it needs migrations of %s too; have those made first" % ", ".join(others)
                    )
                return found

        return Detector

    return made


if __name__ == "__main__":
    parts.main(sys.argv, make)
