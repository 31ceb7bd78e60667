"""The scenarios of the demo: an issue, in which repository, and how its run ends."""

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from agent.models.run import Reason


@dataclass(frozen=True)
class Scenario:
    name: str
    sentence: str
    """What it shows, in one line."""
    title: str
    body: str
    ends: Reason
    """How the run ends."""
    files: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the repository has besides the sample project."""
    is_recorded: bool = False
    """Whether a recorded model makes the change, and answers a review of it."""


_EXPORT_TEST = """\
import pytest

from shop.models import Customer


@pytest.mark.django_db
def test_the_export_has_a_column_for_every_field():
    names = [field.name for field in Customer._meta.concrete_fields]
    assert names == ["id", "name", "email", "joined"]
"""


def _packaged(name: str) -> tuple[str, str]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    title, _, body = text.partition("\n")
    return title.removeprefix("# ").strip(), body.strip() + "\n"


def _all() -> tuple[Scenario, ...]:
    title, body = _packaged("ticket.md")
    return (
        Scenario("add-field", "a recipe adds a field to a Django model", title, body, Reason.READY),
        Scenario(
            "bug",
            "a recorded language model fixes a bug and answers a review",
            "Orders are dropped when an address has capitals",
            "The import says that no customer has the address Ada@Example.org, though Ada is there"
            " as ada@example.org. Letter case should not matter. An unknown address should still be"
            " skipped with the warning.\n",
            Reason.READY,
            is_recorded=True,
        ),
        Scenario(
            "red",
            "the change breaks an existing test: no pull request, but the reason",
            title,
            body,
            Reason.NEW_FAILURES,
            files=MappingProxyType({"shop/tests/test_export.py": _EXPORT_TEST}),
        ),
        Scenario(
            "unclear",
            "facts are missing: the answer is a form to complete",
            "Customers need a nickname",
            "Add `nickname = models.CharField(max_length=50)` to `shop.Customer`.\n",
            Reason.UNCLEAR,
        ),
        Scenario(
            "bad-config",
            "the configuration is invalid: the answer has line and column of the error",
            title,
            body,
            Reason.CONFIG_INVALID,
            files=MappingProxyType({".github/mergewright.yml": "version: 1\nhttp_clent: httpx\n"}),
        ),
    )


#: Played one after the other where none is named.
USUAL = ("add-field", "bug")
SCENARIOS = {scenario.name: scenario for scenario in _all()}
