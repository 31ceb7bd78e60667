"""Ticket files as a person writes them."""

from types import SimpleNamespace

from agent.runs.local_code_host import LocalCodeHost


def test_a_body_that_begins_with_code_keeps_its_indentation(tmp_path):
    path = tmp_path / "ticket.md"
    path.write_text("# Fix it\n\n    if x:\n        y()\n\nPlease.\n")
    ticket = LocalCodeHost().read_ticket(SimpleNamespace(ticket=str(path)))
    assert (ticket.title, ticket.body) == ("Fix it", "    if x:\n        y()\n\nPlease.")
