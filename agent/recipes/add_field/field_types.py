"""What is known of Django's field types before Django itself is asked."""

from __future__ import annotations

TEXTS = frozenset(
    (
        *("CharField", "TextField", "EmailField", "URLField", "SlugField"),
        *("FilePathField", "FileField", "ImageField"),
    )
)
"""Django fills rows of these with an empty text where the field may be blank."""
RELATIONS = frozenset({"ForeignKey", "OneToOneField", "ManyToManyField"})
OF_DJANGO = (
    TEXTS
    | RELATIONS
    | {
        *("IntegerField", "BigIntegerField", "SmallIntegerField", "PositiveIntegerField"),
        *("PositiveBigIntegerField", "PositiveSmallIntegerField", "FloatField", "DecimalField"),
        *("BooleanField", "DateField", "DateTimeField", "TimeField", "DurationField"),
        *("UUIDField", "JSONField", "BinaryField", "GenericIPAddressField"),
    }
)
"""Types of `django.db.models` that a filled table can be given."""
REQUIRED = {
    "CharField": ("max_length",),
    "DecimalField": ("max_digits", "decimal_places"),
    "ForeignKey": ("to", "on_delete"),
    "OneToOneField": ("to", "on_delete"),
    "ManyToManyField": ("to",),
}
"""Options without which Django refuses the type."""
