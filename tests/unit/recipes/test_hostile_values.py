"""Values that Python cannot write down again, or that would do harm, are asked about."""

from __future__ import annotations

import itertools
import time

import pytest

from agent.errors import NoRecipe, TicketUnclear
from agent.recipes.add_field import values
from agent.recipes.add_field.field_types import BY_NAME
from tests.unit.recipes.trees import RECIPE, form, questions, settle, ticket

HOSTILE = {
    "infinite": "1e999",
    "infinite below": "-1e999",
    "infinite in a list": "[1e999]",
    "digits": "9" * 60_000,
    "hexadecimal digits": "0x" + "f" * 60_000,
    "a month too many": "date(2020, 13, 1)",
    "no number": "Decimal('x')",
    "too long a span": "timedelta(days=99999999999)",
    "brackets": "(" * 3_000,
    "signs": "-" * 60_000 + "1",
    "sums": "1" + "+1" * 60_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("type_name", ["FloatField", "IntegerField", "JSONField", "DateField"])
def test_a_value_that_cannot_be_written_down_is_unreadable(name: str, type_name: str) -> None:
    with pytest.raises(values.UnreadableError):
        values.from_words(HOSTILE[name], BY_NAME[type_name])
    with pytest.raises(values.UnreadableError):
        values.from_expression(HOSTILE[name])


@pytest.mark.parametrize("name", ["infinite", "digits"])
@pytest.mark.parametrize("type_name", ["FloatField", "IntegerField", "DecimalField"])
def test_a_default_that_cannot_be_written_down_is_asked_about(name: str, type_name: str) -> None:
    options = f"default={HOSTILE[name]}"
    if type_name == "DecimalField":
        options += ", max_digits=5, decimal_places=2"
    assert questions(form(field_type=type_name, options=options))


def test_a_date_is_read_by_its_names_too() -> None:
    read = values.from_expression("date(year=2024, month=1, day=31)")
    assert (read.text, read.said()) == ("2024, 1, 31", "2024-01-31")


@pytest.mark.parametrize(
    ("type_name", "options", "problem"),
    [
        *(
            ("FileField", f"upload_to={path!r}, null=True", "leaves the folder of uploads")
            for path in ("../../", "..", "a/../b", "a/..", "/etc", "~/x", "..\\x", "C:/x", "\\\\h")
        ),
        ("ImageField", "upload_to='/srv', null=True", "leaves the folder of uploads"),
        ("FileField", "upload_to='x', default='../../etc/passwd'", "leaves the folder of uploads"),
        ("FileField", "upload_to=os.path.join, null=True", "neither a literal nor one of"),
        ("FileField", "upload_to=lambda i, n: n, null=True", "neither a literal nor one of"),
        ("FilePathField", "path='/etc', null=True", "is a folder outside the project"),
        ("FilePathField", "path='../..', null=True", "is a folder outside the project"),
        ("FilePathField", "path='x', match='(a+)+$', null=True", "can take very long"),
        ("FilePathField", "path='x', match='(', null=True", "is no regular expression"),
        ("CharField", "max_length=5, default=os.system", "neither a literal nor one of"),
        ("CharField", "max_length=5, default=print", "neither a literal nor one of"),
        ("CharField", "max_length=5, null=True, validators=['os.system']", "validators are code"),
        ("CharField", "max_length=5, null=True, db_column='\"x\"; --'", "is no plain name"),
        ("ManyToManyField", "to=Shop, db_table='\"a\" (x); --'", "is no plain name"),
        ("ManyToManyField", "to=Shop, through='a;b'", "names no model"),
        ("CharField", "max_length=5, null=True, help_text='<b onclick=x>'", "holds markup"),
        ("CharField", "max_length=5, null=True, help_text=_('&lt;b')", "holds markup"),
        ("CharField", "max_length=5, null=True, verbose_name=_(5)", "a ticket cannot state"),
        ("CharField", "max_length=5, null=True, verbose_name='a\\x00b'", "control characters"),
        ("CharField", "max_length=5, null=True, unique_for_date='a b'", "names no field"),
        ("ForeignKey", "to=Shop, on_delete=CASCADE, null=True, related_name='a b'", "is no name"),
        ("URLField", "default='javascript://%0aalert(1)'", "is no URL that begins with"),
    ],
)
def test_a_value_that_would_do_harm_is_asked_about(
    type_name: str, options: str, problem: str
) -> None:
    asked = questions(form(field_type=type_name, options=options))
    assert len(asked) == 1
    assert problem in asked[0]


@pytest.mark.parametrize(
    ("type_name", "options"),
    [
        ("FileField", "upload_to='uploads/%Y/%m/', null=True"),
        ("FileField", "upload_to='a..b', blank=True"),
        ("FilePathField", "path='covers', match='[.]txt$', recursive=True, null=True"),
        ("CharField", "max_length=5, null=True, db_column='Nick Name'"),
        ("CharField", "max_length=5, null=True, db_collation='en_US.utf8'"),
        ("CharField", "max_length=5, null=True, help_text='a < b, 3<4 & so on'"),
        ("CharField", "max_length=5, null=True, help_text=_('Short & plain')"),
        ("ForeignKey", "to=Shop, on_delete=CASCADE, null=True, related_name='+'"),
        (
            "ForeignKey",
            "to=Shop, on_delete=CASCADE, null=True, related_name='%(app_label)s_%(class)ss'",
        ),
        ("URLField", "default='https://a.example/?b=1'"),
    ],
)
def test_a_value_that_only_looks_like_harm_is_taken(type_name: str, options: str) -> None:
    assert settle(form(field_type=type_name, options=options)).field.type_name == type_name


def _many(unit: str) -> str:
    pieces = (unit.replace("#", str(number)) for number in itertools.count())
    return "".join(itertools.islice(pieces, 64_000 // len(unit)))


BLOWN_UP = {
    "digits among the options": form(options="max_length=50, " + "1" * 65_000),
    "options": form(options="max_length=50, " + "a=1," * 16_000),
    "words for rows": form(default_for_existing_rows=("a " * 30 + "\n") * 1_000),
    "signs": "Add a CharField `a` to Customer, default=" + "-" * 60_000 + "1",
    "brackets": "Add a JSONField `a` to Customer, default=" + "[" * 30_000 + "]" * 30_000,
    "boxes": _many("- [ ] I have read the # issues\n"),
    "requests": _many("add a thing to # "),
    "wishes": _many("Foo# needs a short new bar#-baz "),
    "names": _many("add `a#` a b "),
    "types": _many("CharField `a#` "),
    "versions": _many("django 1.# "),
    "stories": _many("As a clerk# I want to "),
    "choices": "choices " + "a/" * 32_000,
    "images": "![a]" * 16_000,
}


@pytest.mark.parametrize("name", BLOWN_UP)
def test_a_blown_up_ticket_is_read_in_no_time(name: str) -> None:
    body = BLOWN_UP[name]
    for text in (body, f"Add a CharField `nick` with max_length=5 to Customer. {body}"):
        started = time.process_time()
        if RECIPE.match(ticket(text[:65_536])):
            with pytest.raises((TicketUnclear, NoRecipe)):
                settle(text[:65_536])
        # Linear; alone on a machine below 2. What grows without bound takes minutes.
        assert time.process_time() - started < 20
