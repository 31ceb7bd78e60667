"""The structure of a ticket: answers and code marks; sentences are only handed on."""

import time

import pytest

from agent.recipes import tickets
from tests.unit.recipes.trees import ticket

KEYS = frozenset({"model", "field name", "type", "add a test", "where"})


def read(body: str, title: str = "A wish") -> tickets.TicketDocument:
    return tickets.read_document(ticket(body, title), KEYS)


@pytest.mark.parametrize(
    "body",
    [
        "### Model\n\nshop.Customer\n\n### Field name\nnick\n\n### Type\n\n_No response_\n\n### Context\n\n_No response_\n",
        "### Model\nshop.Customer\n### Field name\nnick\n### Type\n…\n",
        "## Model ##\n```\nshop.Customer\n```\n## Field name?\r\nnick\n",
    ],
)
def test_facts_are_read_from_every_form(body: str) -> None:
    document = read(body)
    assert document.answers == {"model": "shop.Customer", "field name": "nick"}
    assert document.sentences == ()


@pytest.mark.parametrize(
    "noise", ["a" * 65_536, "add " * 16_000, "| a " * 16_000, "`" * 65_536, "> " * 30_000, "---\n" * 16_000]
)  # fmt: skip
def test_a_ticket_as_long_as_github_allows_is_read_in_time(noise: str) -> None:
    began = time.process_time()
    read(noise)
    assert time.process_time() - began < 5
