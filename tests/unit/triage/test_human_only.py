"""Which tickets ask for nothing but what only people change."""

from __future__ import annotations

import pytest

from agent.models.ticket import Ticket
from agent.triage import human_only

PRESENT = ("shop/cart.py", "payments/charge.py", "vault/keys.py")
PATTERNS = ("payments/**", "vault/")


def find(title: str, body: str, patterns: tuple[str, ...] = PATTERNS) -> tuple[str, str] | None:
    ticket = Ticket(ticket_id="1", title=title, body=body, digest="")
    return human_only.find_closed_path(ticket, patterns, PRESENT)


@pytest.mark.parametrize(
    ("title", "body", "found"),
    [
        ("Round amounts in `payments/charge.py`.", "", ("payments/charge.py", "payments/**")),
        ("Clean up vault/", "See ./vault/keys.py", ("vault/", "vault/")),
        ("Round amounts in payments/charge.py", "And in shop/cart.py.", None),
        ("Round amounts in the cart", "Do not touch `payments/charge.py`.", None),
        ("Round amounts in payments/refund.py", "", None),
    ],
)
def test_a_title_that_names_only_paths_of_people_is_closed(
    title: str, body: str, found: tuple[str, str] | None
) -> None:
    assert find(title, body) == found


def test_a_pattern_that_cannot_be_read_is_told_by_the_rule_of_paths() -> None:
    assert find("Round amounts in payments/charge.py", "", ("[z-a",)) is None
