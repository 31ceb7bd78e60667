"""Fields that `django-null-text` finds, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_HEAD = "from django.db import models\n\n\nclass Order(models.Model):\n"
_NULL = _HEAD + "    note = models.CharField(max_length=9, null=True)\n"

CASES = {
    "django-null-text": Cases(
        fails={
            "a text": Snippet(_NULL, line=5),
            "made null": Snippet(_NULL, base=_NULL.replace(", null=True", ""), line=5),
        },
        passes={
            "unique and blank": Snippet(
                _HEAD + "    slug = models.SlugField(unique=True, null=True, blank=True)\n"
            ),
            "the ticket asks for it": Snippet(_NULL, ticket="Add a nullable CharField `note`."),
        },
    ),
}
