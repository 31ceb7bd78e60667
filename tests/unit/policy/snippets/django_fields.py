"""Fields that `django-on-delete` and `django-null-text` find, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_HEAD = "from django.db import models\n\n\nclass Order(models.Model):\n"
_FK = _HEAD + "    customer = models.ForeignKey('Customer')\n"
_NULL = _HEAD + "    note = models.CharField(max_length=9, null=True)\n"
_FIELDS = {
    "app/__init__.py": "",
    "app/fields.py": "from django.db.models import ForeignKey as FK\n",
}

CASES = {
    "django-on-delete": Cases(
        fails={
            "a foreign key": Snippet(_FK, line=5),
            "one to one, imported": Snippet(
                "from django.db.models import Model, OneToOneField as One\n\n"
                "class A(Model):\n    b = One(to='B', null=True)\n",
                line=4,
            ),
            "through another module": Snippet(
                "from app.fields import FK\n\nclass A:\n    b = FK('B')\n", _FIELDS, line=4
            ),
            "in an abstract base": Snippet(
                _HEAD + "    to = models.ForeignKey('self', related_name='+')\n"
                "    class Meta:\n        abstract = True\n",
                line=5,
            ),
            "in a migration": Snippet(
                {
                    "app/migrations/0002_b.py": "from django.db import migrations, models\n\n"
                    "field = models.ForeignKey(to='app.B')\n"
                },
                line=3,
            ),
            "of a geographic model": Snippet(
                "from django.contrib.gis.db import models\n\nclass A(models.Model):\n"
                "    b = models.ForeignKey('B')\n",
                line=4,
            ),
            "taken away": Snippet(
                _FK,
                base=_FK.replace("'Customer')", "'Customer', on_delete=models.CASCADE)"),
                line=5,
            ),
        },
        passes={
            "by keyword": Snippet(_FK.replace("'Customer'", "'C', on_delete=models.CASCADE")),
            "in its place": Snippet(_FK.replace("'Customer'", "'C', models.CASCADE")),
            "unpacked": Snippet(_FK.replace("'Customer'", "'C', **options")),
            "many to many": Snippet(_HEAD + "    tags = models.ManyToManyField('Tag')\n"),
            "of SQLAlchemy": Snippet(
                "from sqlalchemy import ForeignKey\n\nx = ForeignKey('a.id')\n"
            ),
            "there already": Snippet(_FK + "    x = 1\n", base=_FK),
            "a class with one of its own": Snippet(
                "from django.db import models\n\nclass Owner(models.ForeignKey):\n"
                "    def __init__(self, to):\n        super().__init__(to, models.CASCADE)\n\n"
                "owner = Owner('auth.User')\n"
            ),
        },
    ),
    "django-null-text": Cases(
        fails={
            "a text": Snippet(_NULL, line=5),
            "a long text": Snippet(
                _HEAD + "    note = models.TextField(null=True, blank=True)\n", line=5
            ),
            "under another name": Snippet(
                "from django.db.models import EmailField as Mail\n\n"
                "class A:\n    mail: str = Mail(null=True)\n",
                line=4,
            ),
            "unique, and asked for in forms": Snippet(
                _HEAD + "    slug = models.SlugField(unique=True, null=True)\n", line=5
            ),
            "made null": Snippet(_NULL, base=_NULL.replace(", null=True", ""), line=5),
            "a ticket on something else": Snippet(
                _NULL, line=5, ticket="Add the text `note` to Order."
            ),
        },
        passes={
            "unique and blank": Snippet(
                _HEAD + "    slug = models.SlugField(unique=True, null=True, blank=True)\n"
            ),
            "not null": Snippet(_NULL.replace("null=True", "null=False")),
            "a number": Snippet(_HEAD + "    size = models.IntegerField(null=True)\n"),
            "in a migration": Snippet({"app/migrations/0002_note.py": _NULL}),
            "there already": Snippet(_NULL + "    x = 1\n", base=_NULL),
            "the ticket asks for it": Snippet(_NULL, ticket="Add a nullable CharField `note`."),
            "part of another field": Snippet(
                "from django.contrib.postgres.fields import ArrayField\n"
                + _HEAD
                + "    names = ArrayField(models.CharField(null=True))\n"
            ),
            "of a serializer": Snippet(
                "from rest_framework import serializers\n\nclass A:\n"
                "    note = serializers.CharField(null=True)\n"
            ),
        },
    ),
}
