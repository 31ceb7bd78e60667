"""Which tickets say much the same, whoever wrote them."""

from __future__ import annotations

import pytest

from agent.triage import likeness

FIELD = """### Model
shop.Customer

### Field name
nickname

### Field type
CharField
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            ("Export orders as CSV", "Managers want the order list as a CSV file."),
            ("CSV export of orders", "Managers would like to have the order list as CSV."),
        ),
        (
            ("Login fails with an expired token", "Refresh raises KeyError in `refresh_token`."),
            ("Login fails when token is expired", "`refresh_token` raises a KeyError on refresh."),
        ),
    ],
)
def test_the_same_in_other_words_is_similar(one, other):
    assert likeness.alike(*one, *other) >= likeness.SIMILAR
    assert likeness.alike(*one, *other) == likeness.alike(*other, *one)
    assert not likeness.identical(*one, *other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Add a field to Customer", FIELD), ("Add a field to Customer", FIELD.replace("nickname", "birth_day").replace("shop.Customer", "shop.Order"))),
        (("Round prices in `shop/cart.py`", ""), ("Round prices in `shop/invoice.py`", "")),
        (("Login fails", "x"), ("Logout fails", "x")),
    ],
)  # fmt: skip
def test_another_thing_is_not(one, other):
    assert likeness.alike(*one, *other) < likeness.SIMILAR


def test_the_headings_of_a_form_do_not_count():
    other = FIELD.replace("shop.Customer", "shop.Order").replace("nickname", "paid_at")
    assert likeness.alike("Paid orders", other, "Customers need a nickname", FIELD) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("A b", "C d\n"), ("a  B", "c\nd"), True),
        (("A", "set it to -1"), ("A", "set it to 1"), False),
        (("A", ""), ("A", "x"), False),
        (("", ""), ("", ""), False),
    ],
)
def test_identical_is_the_same_text_but_for_case_and_spaces(one, other, same):
    assert likeness.identical(*one, *other) is same
