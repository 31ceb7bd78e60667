"""Django's field types: which options each takes, and what their values must look like.

Data and pure questions about it; reading values is left to `values`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from agent.recipes.word_lists import words

_COMMON = words(
    "verbose_name null blank unique db_index default editable choices help_text "
    "db_column db_tablespace db_comment db_default error_messages unique_for_date "
    "unique_for_month unique_for_year"
)
_RELATION = words(
    "to on_delete related_name related_query_name limit_choices_to to_field db_constraint"
)
_MANY = words(
    "to verbose_name blank editable help_text related_name related_query_name "
    "limit_choices_to symmetrical through through_fields db_table db_constraint"
)

BOOLEAN_OPTIONS = words(
    "null blank unique db_index editable auto_now auto_now_add allow_unicode "
    "unpack_ipv4 recursive allow_files allow_folders db_constraint symmetrical"
)
NUMBER_OPTIONS = frozenset(["max_length", "max_digits", "decimal_places"])
TEXT_OPTIONS = words(
    "verbose_name help_text db_column db_tablespace db_comment db_collation "
    "related_name related_query_name upload_to protocol path match to_field "
    "unique_for_date unique_for_month unique_for_year width_field height_field db_table "
    "through"
)
MAPPING_OPTIONS = frozenset(["error_messages", "limit_choices_to"])

#: Options that a ticket cannot state, with the reason.
NOT_FROM_A_TICKET = {
    "primary_key": "the primary key of a filled table cannot be replaced by adding a field",
    "validators": "validators are code; add them in a change of their own",
    "storage": "a storage is code; add it in a change of its own",
    "encoder": "an encoder is code; add it in a change of its own",
    "decoder": "a decoder is code; add it in a change of its own",
    "parent_link": "a parent link belongs to inheritance, not to an added field",
    "name": "the field's name is stated as the field name",
}

ON_DELETE = ("CASCADE", "PROTECT", "RESTRICT", "SET_NULL", "SET_DEFAULT", "DO_NOTHING")


@dataclass(frozen=True)
class FieldType:
    """One of Django's field classes."""

    name: str
    family: str
    """What its values are: text, integer, float, decimal, boolean, date, datetime, time,
    duration, uuid, json, binary, file, ip, relation or many."""
    more: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    implied: frozenset[str] = frozenset()
    """Options that Django writes into a migration though nobody stated them."""
    lowest: int | None = None
    highest: int | None = None
    words: tuple[str, ...] = field(default=())
    """What people call it in prose."""

    @property
    def options(self) -> frozenset[str]:
        """All options it takes."""
        return _MANY if self.family == "many" else _COMMON | self.more

    @property
    def empty_text(self) -> bool:
        """Whether Django fills rows with an empty string when the field may be blank."""
        return self.family in ("text", "file")


_DATES = words("auto_now auto_now_add")
_SMALL, _MEDIUM, _BIG = 2**15 - 1, 2**31 - 1, 2**63 - 1

_TYPES = (
    FieldType(
        "CharField",
        "text",
        words("max_length db_collation"),
        ("max_length",),
        words=("char field", "character field"),
    ),
    FieldType("TextField", "text", words("max_length db_collation"), words=("text field",)),
    FieldType(
        "EmailField",
        "text",
        words("max_length db_collation"),
        implied=words("max_length"),
        words=("email field", "e-mail field"),
    ),
    FieldType("URLField", "text", words("max_length db_collation"), words=("url field",)),
    FieldType(
        "SlugField", "text", words("max_length db_collation allow_unicode"), words=("slug field",)
    ),
    FieldType(
        "FilePathField", "text", words("path match recursive allow_files allow_folders max_length")
    ),
    FieldType("FileField", "file", words("upload_to max_length"), words=("file field",)),
    FieldType(
        "ImageField",
        "file",
        words("upload_to max_length width_field height_field"),
        words=("image field",),
    ),
    FieldType(
        "IntegerField",
        "integer",
        lowest=-_MEDIUM - 1,
        highest=_MEDIUM,
        words=("integer field", "int field", "integer column"),
    ),
    FieldType(
        "BigIntegerField", "integer", lowest=-_BIG - 1, highest=_BIG, words=("big integer field",)
    ),
    FieldType(
        "SmallIntegerField",
        "integer",
        lowest=-_SMALL - 1,
        highest=_SMALL,
        words=("small integer field",),
    ),
    FieldType(
        "PositiveIntegerField",
        "integer",
        lowest=0,
        highest=_MEDIUM,
        words=("positive integer field",),
    ),
    FieldType("PositiveBigIntegerField", "integer", lowest=0, highest=_BIG),
    FieldType(
        "PositiveSmallIntegerField",
        "integer",
        lowest=0,
        highest=_SMALL,
        words=("positive small integer field",),
    ),
    FieldType("FloatField", "float", words=("float field",)),
    FieldType(
        "DecimalField",
        "decimal",
        words("max_digits decimal_places"),
        ("max_digits", "decimal_places"),
        words=("decimal field",),
    ),
    FieldType(
        "BooleanField",
        "boolean",
        words=("boolean field", "bool field", "boolean flag", "boolean column"),
    ),
    FieldType("DateField", "date", _DATES, words=("date field",)),
    FieldType(
        "DateTimeField",
        "datetime",
        _DATES,
        words=("datetime field", "date time field", "timestamp field"),
    ),
    FieldType("TimeField", "time", _DATES, words=("time field",)),
    FieldType("DurationField", "duration", words=("duration field",)),
    FieldType("UUIDField", "uuid", words=("uuid field",)),
    FieldType("JSONField", "json", words=("json field",)),
    FieldType("BinaryField", "binary", words("max_length"), words=("binary field",)),
    FieldType(
        "GenericIPAddressField", "ip", words("protocol unpack_ipv4"), words=("ip address field",)
    ),
    FieldType(
        "ForeignKey", "relation", _RELATION, ("to", "on_delete"), words=("foreign key", "fk")
    ),
    FieldType(
        "OneToOneField",
        "relation",
        _RELATION,
        ("to", "on_delete"),
        words=("one to one field", "one-to-one field", "one-to-one relation"),
    ),
    FieldType(
        "ManyToManyField",
        "many",
        required=("to",),
        words=("many to many field", "many-to-many field", "many-to-many relation"),
    ),
)

BY_NAME = {kind.name: kind for kind in _TYPES}

#: Types that exist but are not added this way, with the reason.
UNFIT_TYPES = {
    "AutoField": "a table has one automatic key, and it has it already",
    "BigAutoField": "a table has one automatic key, and it has it already",
    "SmallAutoField": "a table has one automatic key, and it has it already",
    "NullBooleanField": "Django 4.0 removed it; BooleanField with null=True is its replacement",
    "IPAddressField": "Django removed it; GenericIPAddressField is its replacement",
    "GeneratedField": "its expression is code and cannot be stated in a ticket",
    "CompositePrimaryKey": "the primary key of a filled table cannot be replaced by adding a field",
    "ForeignObject": "it is code and cannot be stated in a ticket",
    "GenericForeignKey": "it is no column; its two columns would be added one by one",
}

_OPTIONS = frozenset().union(*(kind.options for kind in _TYPES)) | set(NOT_FROM_A_TICKET)


def known_option(name: str) -> bool:
    """Whether any of Django's field types takes an option of that name."""
    return name in _OPTIONS


def all_options() -> tuple[str, ...]:
    """Every option that one of Django's field types takes."""
    return tuple(sorted(_OPTIONS))


def named(text: str) -> FieldType | None:
    """The field type that a text names: exactly, without `models.`, or in words."""
    bare = text.strip().strip("`'\"").removesuffix("()").rpartition(".")[2]
    by_lower = {name.lower(): kind for name, kind in BY_NAME.items()}
    if found := by_lower.get(bare.lower()):
        return found
    words = " ".join(text.lower().replace("_", " ").strip(" `'\"").split())
    for kind in _TYPES:
        short = {phrase.removesuffix(" field") for phrase in kind.words}
        if words in kind.words or (words in short and words not in ("text", "char", "character")):
            return kind
    return None


def nearest(
    text: str, names: tuple[str, ...], limit: int = 3, cutoff: float = 0.5
) -> tuple[str, ...]:
    """The names closest to a text, case aside, best first."""
    lower = {name.lower(): name for name in reversed(names)}
    found = difflib.get_close_matches(text.lower(), lower, n=limit, cutoff=cutoff)
    return tuple(lower[name] for name in found)


def nearest_types(text: str) -> tuple[str, ...]:
    """Field types that a text may have meant."""
    plain = text.strip().strip("`'\"").rpartition(".")[2]
    special = {
        "string": ("CharField", "TextField"),
        "str": ("CharField", "TextField"),
        "varchar": ("CharField", "TextField"),
        "text": ("TextField", "CharField"),
        "char": ("CharField", "TextField"),
        "number": ("IntegerField", "DecimalField", "FloatField"),
        "int": ("IntegerField", "BigIntegerField"),
        "money": ("DecimalField",),
    }
    key = plain.lower().removesuffix("field").strip()
    if key in special:
        return special[key]
    names = tuple(BY_NAME)
    return (
        nearest(plain, names, cutoff=0.75)
        or nearest(plain + "Field", names, cutoff=0.7)
        or ("CharField", "TextField")
    )


def with_article(kind: FieldType) -> str:
    """As in “an IntegerField”."""
    return f"{'an' if kind.name[0] in 'EI' else 'a'} {kind.name}"
