"""Ticket files as a person writes them."""

from types import SimpleNamespace

import pytest

from agent.runs.local_code_host import LocalCodeHost


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\nmodel: shop.Order\nfield: x\n---\n", "model: shop.Order, field: x"),
        ("---\nmodel: shop.Order\n---\n# Orders have a state\n\nPlease.\n", "Orders have a state"),
        ("---\ntitle: 'A state'\nmodel: shop.Order\n---\n", "A state"),
    ],
)
def test_facts_at_the_head_of_a_ticket_have_a_title(tmp_path, text, title):
    path = tmp_path / "ticket.md"
    path.write_text(text)
    assert LocalCodeHost().read_ticket(SimpleNamespace(ticket=str(path))).title == title


def test_a_body_that_begins_with_code_keeps_its_indentation(tmp_path):
    path = tmp_path / "ticket.md"
    path.write_text("# Fix it\n\n    if x:\n        y()\n\nPlease.\n")
    ticket = LocalCodeHost().read_ticket(SimpleNamespace(ticket=str(path)))
    assert (ticket.title, ticket.body) == ("Fix it", "    if x:\n        y()\n\nPlease.")
