"""Values that Python cannot write down again are asked about."""

from __future__ import annotations

import pytest

from agent.recipes.add_field import values
from agent.recipes.add_field.field_types import BY_NAME
from tests.unit.recipes.trees import form, questions

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
