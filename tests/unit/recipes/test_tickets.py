"""The forms in which people state facts, and what is left as prose."""

from __future__ import annotations

import textwrap

import pytest

from agent.recipes import tickets

KNOWN = frozenset({"model", "field name", "type", "add a test", "options"})


def entries(body: str) -> dict[str, str]:
    document = tickets.read(body, KNOWN.__contains__)
    return {entry.key: entry.value for entry in document.entries}


@pytest.mark.parametrize(
    "body",
    [
        "### Model\n\nshop.Customer\n\n### Field name\nnick\n\n### Type\n\n_No response_\n",
        "- model: shop.Customer\n- Field name: nick\n",
        "Model: shop.Customer\r\nField name: nick\r\n",
        "| Fact | Value |\n|---|---|\n| Model | shop.Customer |\n| `Field name` | nick |\n",
        "---\nmodel: shop.Customer\nfield_name: nick\nlabels: [x]\n---\n",
        "## Model ##\n```\nshop.Customer\n```\n## Field name?\nnick\n",
    ],
)
def test_facts_are_read_from_every_form(body: str) -> None:
    assert entries(body) == {"model": "shop.Customer", "field name": "nick"}


def test_boxes_are_yes_or_no() -> None:
    assert entries("- [x] Add a test\n") == {"add a test": "yes"}
    assert entries("- [ ] Add a test\n") == {"add a test": "no"}
    assert entries("### Add a test\n\n- [X] Yes\n") == {"add a test": "yes"}


def test_only_the_first_paragraph_answers_a_heading() -> None:
    document = tickets.read("### Model\n\nCustomer\n\nWe need this soon.\n", KNOWN.__contains__)
    assert [entry.value for entry in document.entries] == ["Customer"]
    assert document.prose.strip() == "We need this soon."


def test_options_may_take_several_lines() -> None:
    assert entries("### Options\n- max_length=5\n- null=True\n\nmore") == {
        "options": "- max_length=5\n- null=True"
    }


def test_unknown_keys_and_headings_stay_prose() -> None:
    document = tickets.read(
        "# Why\n\nnote: customers ask\n\n`x = 1` and\n\n```\ncode\n```\n", KNOWN.__contains__
    )
    assert document.entries == ()
    assert "note: customers ask" in document.prose
    assert document.code == ("code", "x = 1")


def test_a_fence_that_never_ends_and_an_endless_table_row_are_read() -> None:
    assert entries("### Model\n```\nA") == {"model": "A"}
    assert entries("|" * 70_000) == {}


_LONG = (
    "Add a CharField `nickname` to `shop.Customer` with max_length=50, blank=True. Show it in the"
    " admin list. Add a test."
)


@pytest.mark.parametrize("width", [60, 45])
def test_lines_that_an_editor_has_wrapped_are_one(width: int) -> None:
    wrapped = "\n".join(textwrap.wrap(_LONG, width, break_on_hyphens=False))
    document = tickets.read(f"First of all.\n\n{wrapped}\n\nThanks", KNOWN.__contains__)
    assert document.prose.split("\n\n") == ["First of all.", _LONG, "Thanks"]


@pytest.mark.parametrize(
    "kept",
    [
        "Add a field to the model of customers.\nShow it in the list.\nAdd a test.",
        "- one thing to be done about everything that is here\n- another",
    ],
)
def test_lines_that_somebody_has_ended_stay_lines(kept: str) -> None:
    assert tickets.read(kept, KNOWN.__contains__).prose.strip() == kept
